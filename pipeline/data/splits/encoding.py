"""Encoding of a dataset: from stored values to network inputs, and the meaning of the labels.

Legend of shape suffixes: I inputs of the network, B rows of any selection, C classes.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.data.splits.vocabulary import Vocabulary

UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Encoding:
    """Encoding of stored values as network inputs, and the names of the classes.

    An input is value * scale + offset, minus the mean of its example if `centered`; it lies within
    `bounds`. `shape` is that of one example, color planes first. `class_names` are in the order of
    the labels. With a `pipeline`, networks train on an endless stream of distorted copies of the
    stored characters, made by the distortion pipeline of that name. With a `vocabulary`, the
    examples are texts, and an input is 1 where the text has the term, else 0. `repeats` is the
    number of splits in the file: 1 for all seeds, or one per seed.
    """

    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scale: float = 1.0
    offset: float = 0.0
    centered: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    pipeline: str = ""
    vocabulary: Vocabulary | None = None
    repeats: int = 1

    @property
    def inputs(self) -> int:
        """I, the number of inputs of the network."""
        return math.prod(self.shape)

    @property
    def classes(self) -> int:
        """C, the number of classes."""
        return len(self.class_names)

    @property
    def stars_C(self) -> Tensor | None:
        """Rating in stars of each class, float64 [C]; None where the labels are not ratings."""
        if not (self.vocabulary and self.vocabulary.stars):
            return None
        return torch.tensor([float(name) for name in self.class_names], dtype=torch.float64)


def decode(stored_BI: Tensor, encoding: Encoding) -> Tensor:
    """Return the network inputs of stored values, of any shape [..., I], float32."""
    x_BI = stored_BI.to(torch.float32)
    if encoding.scale != 1:
        x_BI = x_BI * encoding.scale
    if encoding.offset:
        x_BI = x_BI + encoding.offset
    return x_BI - x_BI.mean(-1, keepdim=True) if encoding.centered else x_BI
