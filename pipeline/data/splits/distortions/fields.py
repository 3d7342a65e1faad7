"""The bank of displacement fields of the local elastic module.

Legend of shape suffixes: F fields, H rows, W columns, 2 (column, row).
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.runtime.seeds import stream

FIELDS = 50  # a tenth of complexity
TENTHS = 10


@lru_cache
def elastic_bank(rows: int, columns: int, device: torch.device) -> Tensor:
    """Return where each pixel comes from [10 * 50, H, W, 2], tenth by tenth, in [-1, 1] and beyond.

    As in Simard et al. 2003: independent U[-1, 1], smoothed by a Gaussian and scaled, here with
    the NISTP generator's alpha = 10 c^(1/3), sigma = 10 - 7 c^(1/3), kernel of 1.5 sigma and no
    displacement at c = 0. The same fields in every process.
    """
    tenths = [_displacements(rows, columns, tenth) for tenth in range(TENTHS)]
    moved_FHW2 = torch.from_numpy(np.concatenate(tenths))
    across_W = torch.arange(columns, dtype=torch.float64) + 0.5
    down_H = torch.arange(rows, dtype=torch.float64) + 0.5
    own_HW2 = torch.stack(torch.meshgrid(across_W, down_H, indexing="xy"), 2)
    size_2 = torch.tensor([columns, rows])
    return ((own_HW2 + moved_FHW2) * 2 / size_2 - 1).float().to(device)


def _displacements(rows: int, columns: int, tenth: int) -> NDArray[np.float64]:
    """Return fields [50, H, W, 2] in pixels."""
    from scipy.ndimage import correlate1d  # not by every stage that could draw images

    pace = np.cbrt(tenth / TENTHS)
    alpha, sigma = 10 * pace, 10 - 7 * pace
    taps = np.arange(np.ceil(1.5 * sigma))
    kernel = np.exp(-(((taps - 0.75 * sigma) / sigma) ** 2))
    kernel /= kernel.sum()
    margin = len(kernel)
    shape = (FIELDS, rows + 2 * margin, columns + 2 * margin, 2)
    noise = np.random.default_rng(stream("elastic fields", tenth)).uniform(-1, 1, shape)
    smooth = correlate1d(correlate1d(noise, kernel, axis=1), kernel, axis=2)
    return np.asarray(alpha * smooth[:, margin:-margin, margin:-margin])
