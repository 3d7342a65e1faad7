"""Datasets whose training images are generated: random distortions of clean characters.

The training split holds clean characters. The validation and test splits are fixed distorted images
of other characters, so no two splits share a character.

Legend of shape suffixes: N examples, I inputs.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator

from pipeline.config.params import Count, Section
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Blocks, Split

SHAPE = (32, 32)
SCALE = 1 / 255  # a pixel of 0 (background) to 255 (ink) becomes an input in [0, 1]
CLASS_NAMES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
BLOCK = 1000  # images drawn at once


class Generated(Section):
    """Distortion pipeline (`recipe`), and how many images `valid` and `test` have."""

    recipe: str = "nistp"
    valid: Count
    test: Count

    @field_validator("recipe")
    @classmethod
    def _known(cls, recipe: str) -> str:
        if recipe not in pipelines.PIPELINES:
            raise ValueError(f"use one of {', '.join(pipelines.PIPELINES)}")
        return recipe


def encoding(recipe: str = "") -> Encoding:
    """Return the encoding of clean characters for a recipe, or without one of finished images."""
    return Encoding(SHAPE, CLASS_NAMES, SCALE, pipeline=recipe)


def fixed_draws(
    recipe: str, characters: pipelines.Characters, stream: tuple[str, ...], *, count: int
) -> Split:
    """Return the first `count` images that a recipe draws in a named random stream, x [N, I]."""

    def make_blocks() -> Iterator[NDArray[np.uint8]]:
        for i_N in torch.arange(count).split(BLOCK):
            yield pipelines.draw(recipe, characters, stream, i_N)[0].numpy()

    # Labels do not depend on the recipe, and the recipe `clean` distorts nothing.
    labels = [
        pipelines.draw("clean", characters, stream, i_N)[1]
        for i_N in torch.arange(count).split(BLOCK)
    ]
    x_NI = Blocks((count, SHAPE[0] * SHAPE[1]), make_blocks)
    return Split(x_NI, torch.cat(labels).numpy(), encoding())
