"""Small NORB files in the official format, of twelve examples each.

Legend of shape suffixes: N examples, E eyes, H rows and W columns.
"""

import dataclasses
import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.sources import norb
from pipeline.data.sources.dataset import Dataset
from pipeline.data.sources.norb import Edition
from pipeline.data.splits import examples

COUNT = 12  # examples a file of NORB: two of each category, the second of them of instance 9
PAPER_TRAIN = 8 * COUNT - 5
CATEGORIES = np.repeat(np.arange(6), 2)
INSTANCES = np.array([9, 4] * 5 + [-1, -1])
BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54  # the magic numbers of both kinds of matrix


def packed(magic: int, shape: tuple[int, ...], values: NDArray[Any]) -> bytes:
    lengths = (*shape, 1, 1)[: max(3, len(shape))]
    header = struct.pack(f"<{2 + len(lengths)}i", magic, len(shape), *lengths)
    return gzip.compress(header + values.tobytes(), 1, mtime=0)


def integers(values: NDArray[Any]) -> bytes:
    return packed(INTEGERS, values.shape, values.astype("<i4"))


def images(values: NDArray[np.uint8]) -> bytes:
    return packed(BYTES, values.shape, values)


def drawn(seed: int, count: int, side: int) -> NDArray[np.uint8]:
    """Draw gray images [N, E, H, W] of random squares; few are equal."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 2, side // 6, side // 6), np.uint8)
    return coarse.repeat(6, 2).repeat(6, 3)


def publish(edition: Edition, raw: Path, categories: NDArray[Any]) -> NDArray[np.uint8]:
    """Write all files of an edition into a folder, and return its images [part * N, E, H, W]."""
    every = []
    for number, part in enumerate(edition.parts):
        every.append(drawn(number, edition.examples, edition.side))
        facts = np.full((edition.examples, edition.facts), number)
        facts[:, 0] = np.resize(INSTANCES, edition.examples)
        contents = {"dat": images(every[-1]), "cat": integers(categories), "info": integers(facts)}
        for kind in norb.KINDS:
            (raw / edition.name(part, kind)).write_bytes(contents[kind])
    return np.concatenate(every)


@pytest.fixture
def edition(monkeypatch: pytest.MonkeyPatch) -> Edition:
    """Edition of NORB with files of 12 examples."""
    small = dataclasses.replace(norb.JITTERED, examples=COUNT)
    monkeypatch.setattr(norb, "JITTERED", small)
    monkeypatch.setattr(norb, "PAPER_TRAIN", PAPER_TRAIN)
    monkeypatch.setattr(norb, "BLOCK", 5)
    return small


def read_splits(
    dataset: Dataset, raw: Path, options: dict[str, str]
) -> dict[str, examples.Examples]:
    """Write the splits, and return them as the later stages read them."""
    splits = dataset.split(raw, dataset.preprocess.model_validate(options))
    for name, split in splits._asdict().items():
        examples.write(split, raw / f"{name}.npz")
    return {name: examples.read(raw / f"{name}.npz") for name in splits._fields}
