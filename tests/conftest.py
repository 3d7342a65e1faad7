"""Setup of all tests: arithmetic as in training, Triton's interpreter without a GPU, fixtures."""

import os

from stages import terminal

terminal.choose_instructions()  # before torch is imported

import torch  # noqa: E402

from pipeline.runtime import device  # noqa: E402

device.prepare_for_training()
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # is read when Triton is imported

# Fixtures of more than one file of tests.
pytest_plugins = [
    "tests.mlflow_runs",
    "tests.page_tables",
    "tests.same_bits",
    "tests.server",
    "tests.tiny_norb",
]
