"""Module of the character generator: one distortion and its source characters.

Legend of shape suffixes: M source characters, N images, H rows, W columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws


@dataclass(frozen=True)
class Characters:
    """Clean source images, at least 8 x 8 pixels, and their labels."""

    x_MHW: Tensor  # uint8, 0 the background, 255 ink
    y_M: Tensor  # int64


Distort = Callable[[Tensor, Tensor, Draws, Characters], Tensor]


@dataclass(frozen=True)
class Module:
    """A distortion that grows with its complexity, and the share of images it is applied to."""

    name: str
    distort: Distort
    share: float = 1.0  # if below 1, images of complexity 0 are left alone as well

    def apply(self, x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
        """Return the distorted images [N, H, W], float32 in [0, 1] like `x_NHW`.

        The complexities `c_N` are in [0, 1]. Image n of the result depends only on x_NHW[n],
        c_N[n], the draws of image n, and `characters`.
        """
        if self.share == 1.0:
            return self.distort(x_NHW, c_N, draws, characters)
        chosen_N = (draws.uniform(f"{self.name}/chosen") < self.share) & (c_N > 0)
        rows_N = chosen_N.nonzero().squeeze(1)
        if not len(rows_N):
            return x_NHW
        x_some, c_some = x_NHW.index_select(0, rows_N), c_N.index_select(0, rows_N)
        x_some = self.distort(x_some, c_some, draws.only(rows_N), characters)
        return x_NHW.index_copy(0, rows_N, x_some)
