"""Checkpoints that a kill or a damaged disk cannot turn into wrong results."""

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


@contextmanager
def workplace(files: list[Path], *settings: Any) -> Iterator[Path]:
    """Yield the folder for the checkpoints of this work; it goes when the block ends well.

    Other files, settings, code, device or torch: another folder, so nothing stale is continued.
    Raises Problem where a file is absent.
    """
    sources = sorted(Path(__file__).parents[1].glob("**/*.py"))
    content = [storage.digest(path) for path in [*files, *sources]]
    folder = Path("runs/checkpoints", storage.fingerprint(content, settings, torch.__version__))
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def save(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors and a JSON state, sealed by their hash; the last good file is kept beside.

    Numbers in `state` come back bit for bit, NaN included.
    """
    content = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    header = json.dumps(state).encode()
    parts = (len(header).to_bytes(8, "little"), header, safetensors.torch.save(content))
    if path.exists():
        path.replace(_previous(path))
    seal = hashlib.sha256()
    with storage.replacing(path) as temporary, temporary.open("wb") as file:
        for part in parts:  # one by one: hundreds of networks are gigabytes
            seal.update(part)
            file.write(part)
        file.write(seal.digest())


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read the newest good checkpoint onto the CPU, None where there is none.

    A damaged file is set aside as `<name>.damaged`, with a warning, and the one before it is read.
    """
    for candidate in (path, _previous(path)):
        if not candidate.exists():
            continue
        content = memoryview(candidate.read_bytes())
        body, digest = content[:-DIGEST], content[-DIGEST:]
        if hashlib.sha256(body).digest() == digest:
            end = 8 + int.from_bytes(body[:8], "little")
            return safetensors.torch.load(bytes(body[end:])), json.loads(bytes(body[8:end]))
        aside = candidate.with_name(candidate.name + ".damaged")
        candidate.replace(aside)
        logger.warning(
            "checkpoint %s is damaged: set aside as %s, work goes on from the last good state",
            candidate,
            aside.name,
        )
    return None


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")
