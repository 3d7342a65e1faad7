"""Checkpoints of training, sealed by a hash: training never resumes from a damaged file."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from pipeline.runtime import storage

logger = logging.getLogger(__name__)

DIGEST = hashlib.sha256().digest_size
# Packages whose code can change a trained network; the others only read or draw what was trained.
PACKAGES = (
    "runtime", "config", "data/splits", "networks", "training", "pretraining", "finetuning",
    "experiments",
)  # fmt: skip


@contextmanager
def checkpoint_folder(files: list[Path], *settings: Any) -> Iterator[Path]:
    """Yield the folder for the checkpoints of a training; delete it if the block succeeds.

    Its name is a hash of the content of `files`, `settings`, the code of training and the version
    of torch, so that no training continues from checkpoints of another one. Raises Problem if a
    file is absent.
    """
    content = [storage.digest(path) for path in [*files, *training_code()]]
    folder = Path("runs/checkpoints", storage.fingerprint(content, settings, torch.__version__))
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def training_code(root: Path = Path(__file__).parents[1]) -> list[Path]:
    """Return the source files of the packages that training depends on, sorted."""
    return sorted(path for name in PACKAGES for path in root.joinpath(name).glob("**/*.py"))


def save(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors and a JSON state, sealed by their hash; the previous file is kept beside it.

    `load` returns the numbers of `state` bit for bit, including NaN.
    """
    content = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    header = json.dumps(state).encode()
    parts = (len(header).to_bytes(8, "little"), header, safetensors.torch.save(content))
    if path.exists():
        path.replace(previous(path))
    seal = hashlib.sha256()
    with storage.replacing(path) as temporary, temporary.open("wb") as file:
        for part in parts:  # without a copy of all: hundreds of networks are gigabytes
            seal.update(part)
            file.write(part)
        file.write(seal.digest())


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read the newest intact checkpoint onto the CPU, None if there is none.

    A damaged file is renamed to `<name>.damaged`, with a warning, and the previous one is read.
    """
    for file in (path, previous(path)):
        if not file.exists():
            continue
        content = memoryview(file.read_bytes())
        body, digest = content[:-DIGEST], content[-DIGEST:]
        if hashlib.sha256(body).digest() == digest:
            end = 8 + int.from_bytes(body[:8], "little")
            return safetensors.torch.load(bytes(body[end:])), json.loads(bytes(body[8:end]))
        aside = file.with_name(file.name + ".damaged")
        file.replace(aside)
        logger.warning(
            "checkpoint %s is damaged: set aside as %s, work goes on from the last good state",
            file,
            aside.name,
        )
    return None


def previous(path: Path) -> Path:
    """Return the place of the file that `save` replaced."""
    return path.with_name(path.name + ".previous")
