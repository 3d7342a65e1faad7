"""What all tests share: the arithmetic of the training processes, and Triton without a GPU."""

import os

import torch

from pipeline import device

device.prepare_for_training()
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # is read when Triton is imported
