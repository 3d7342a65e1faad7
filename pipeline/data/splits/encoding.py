"""How stored values become a network's inputs, and what the labels mean.

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
    """How stored values become a network's inputs, and what the labels mean.

    An input is value * scale + offset, less the mean of its example where `centered`; it lies
    within `bounds`. `shape` says how to draw one example, color planes first. `class_names` are in
    the order of the labels. With a `recipe` the examples are not trained on as they are: they are
    the characters that a generator of this name distorts, without end. With a `vocabulary` they are
    texts, and an input is 1 where the text has the term. `repeats` is how many splits the file has:
    1 for all seeds, or one for each of so many.
    """

    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scale: float = 1.0
    offset: float = 0.0
    centered: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    recipe: str = ""
    vocabulary: Vocabulary | None = None
    repeats: int = 1

    @property
    def inputs(self) -> int:
        """I, the number of inputs of the network."""
        return math.prod(self.shape)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def stars_C(self) -> Tensor | None:
        """What each class counts, float64 [C], where the labels are ratings; None elsewhere."""
        if not (self.vocabulary and self.vocabulary.stars):
            return None
        return torch.tensor([float(name) for name in self.class_names], dtype=torch.float64)


def decode(stored_BI: Tensor, form: Encoding) -> Tensor:
    """Return the network inputs of stored values, of any shape [..., I], float32."""
    x_BI = stored_BI.to(torch.float32)
    if form.scale != 1:
        x_BI = x_BI * form.scale
    if form.offset:
        x_BI = x_BI + form.offset
    return x_BI - x_BI.mean(-1, keepdim=True) if form.centered else x_BI
