"""What all tests share: the arithmetic of the training processes."""

from pipeline import device

device.prepare_for_training()
