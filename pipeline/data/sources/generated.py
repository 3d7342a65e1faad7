"""Datasets whose training images are drawn without end, from clean characters and a recipe.

The training split holds the characters themselves; validation and test splits are fixed draws from
characters of their own, so that no split shows a character of another.

Legend of shape suffixes: M characters, N examples, I inputs.
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
    """How characters are distorted, and how many distorted ones are drawn once and for all."""

    recipe: str = "nistp"
    valid: Count
    test: Count

    @field_validator("recipe")
    @classmethod
    def _known(cls, recipe: str) -> str:
        if recipe not in pipelines.PIPELINES:
            raise ValueError(f"use one of {', '.join(pipelines.PIPELINES)}")
        return recipe


def form(recipe: str = "") -> Encoding:
    """Return the form of characters to be distorted by a recipe, or of images as they are."""
    return Encoding(SHAPE, CLASS_NAMES, SCALE, pipeline=recipe)


def fixed_draws(
    recipe: str, characters: pipelines.Characters, names: tuple[str, ...], *, count: int
) -> Split:
    """Return the first `count` images of the stream `names`, as a split to be written."""
    return Split(
        _drawn(recipe, characters, names, count), _labels(characters, names, count), form()
    )


def _drawn(
    recipe: str, characters: pipelines.Characters, names: tuple[str, ...], count: int
) -> Blocks:
    def make() -> Iterator[NDArray[np.uint8]]:
        for i_N in torch.arange(count).split(BLOCK):
            yield pipelines.draw(recipe, characters, names, i_N)[0].numpy()

    return Blocks((count, SHAPE[0] * SHAPE[1]), make)


def _labels(
    characters: pipelines.Characters, names: tuple[str, ...], count: int
) -> NDArray[np.int64]:
    """Return the labels [count]: those of the characters, whatever is done to them afterwards."""
    drawn = [
        pipelines.draw("clean", characters, names, i_N)[1]
        for i_N in torch.arange(count).split(BLOCK)
    ]
    return torch.cat(drawn).numpy()
