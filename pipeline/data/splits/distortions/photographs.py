"""The photographs behind the characters.

Legend of shape suffixes: G photographs, H rows, W columns.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, the grey of PIL


@lru_cache
def photographs(device: torch.device) -> Tensor:
    """Return scikit-learn's two sample photographs in grey [2, 427, 640], uint8.

    They stand in for the generator's ImageNet pictures. Read from the installed package when first
    asked for.
    """
    from sklearn.datasets import load_sample_images  # a second, which only p07 has to wait

    grey = [np.asarray(image @ np.array(LUMA)).round() for image in load_sample_images().images]
    return torch.from_numpy(np.stack(grey).astype(np.uint8)).to(device)
