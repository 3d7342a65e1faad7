"""The modules that disturb single pixels: permutation, gaussian noise, salt and pepper.

Legend of shape suffixes: N images, H rows, W columns.
"""

import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws
from pipeline.data.splits.distortions.module import Characters


def pixel_permutation(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Swap a share c/3 of the pixels with a neighbor, as many each left, right, up and down.

    The generator swaps one pixel after the other; here one direction after the other, and a pixel
    whose neighbor is to swap in the same direction waits in vain (at c = 1 one in twelve). At
    the edge there is nothing to swap with.
    """
    u_NHW = draws.uniform("pixel permutation/pixels", *x_NHW.shape[1:])
    share_N11 = c_N.view(-1, 1, 1) / 12
    for turn, (dim, ahead) in enumerate(((2, False), (2, True), (1, False), (1, True))):
        chosen = (u_NHW >= turn * share_N11) & (u_NHW < (turn + 1) * share_N11)
        x_NHW = _swapped(x_NHW, chosen, dim, ahead=ahead)
    return x_NHW


def _swapped(x_NHW: Tensor, chosen_NHW: Tensor, dim: int, *, ahead: bool) -> Tensor:
    """Swap the chosen pixels with the next (or the previous) pixel along `dim`."""
    last = x_NHW.shape[dim] - 1
    first, second = chosen_NHW.narrow(dim, 0, last), chosen_NHW.narrow(dim, 1, last)
    swap = first & ~second if ahead else second & ~first
    out = x_NHW.clone()
    low, high = x_NHW.narrow(dim, 0, last), x_NHW.narrow(dim, 1, last)
    out_low, out_high = out.narrow(dim, 0, last), out.narrow(dim, 1, last)
    out_low.copy_(torch.where(swap, high, out_low))
    out_high.copy_(torch.where(swap, low, out_high))
    return out


def gaussian_noise(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Add N(0, (c/10)^2) to each pixel and clip."""
    noise_NHW = draws.normal("gaussian noise/pixels", *x_NHW.shape[1:])
    return (x_NHW + noise_NHW * (c_N / 10).view(-1, 1, 1)).clamp_(0, 1)


def salt_and_pepper(x_NHW: Tensor, c_N: Tensor, draws: Draws, characters: Characters) -> Tensor:
    """Replace each pixel with probability c/5 by U[0, 1)."""
    share_N11 = (c_N / 5).view(-1, 1, 1)
    u_NHW = draws.uniform("salt and pepper/pixels", *x_NHW.shape[1:])
    # Below the share, the draw over the share is uniform again.
    return torch.where(u_NHW < share_N11, u_NHW / share_N11.clamp(min=1e-9), x_NHW)
