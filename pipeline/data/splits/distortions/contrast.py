"""The last module: grey level and contrast.

Legend of shape suffixes: N images, H rows, W columns.
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters


def contrast(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Squeeze [0, 1] into [(1 - C) / 2, (1 + C) / 2], C ~ U[1 - 0.85c, 1]; half of them inverted.

    As in the paper; this part of the generator's code is not public.
    """
    scale_N11 = (1 - 0.85 * c_N * draws.uniform("contrast/loss")).view(-1, 1, 1)
    inverted_N11 = (draws.uniform("contrast/polarity") < 0.5).view(-1, 1, 1)
    level_NHW = torch.where(inverted_N11, 1 - x_NHW, x_NHW)
    return level_NHW * scale_N11 + (1 - scale_N11) / 2
