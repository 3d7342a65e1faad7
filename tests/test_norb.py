"""NORB: official files, splits, scaling, and memory.

Legend of shape suffixes: N examples, E eyes, H rows and W columns, I inputs.
"""

import dataclasses
import gzip
import hashlib
import json
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.data.sources import norb
from pipeline.data.sources.norb import Edition
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import UNBOUNDED
from pipeline.runtime.errors import Problem
from tests.tiny_norb import (
    BYTES,
    CATEGORIES,
    COUNT,
    INSTANCES,
    PAPER_TRAIN,
    images,
    integers,
    publish,
    read_splits,
)

FULL = 29_160


def reduced(images_NEHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return norb.subsampled(images_NEHW).reshape(len(images_NEHW), -1)


def plainly_subsampled(image_HW: NDArray[Any]) -> NDArray[np.float64]:
    """Return 32 x 32 means over areas: every pixel cut into 32 x 32 pieces, then averaged."""
    side = len(image_HW)
    pieces = image_HW.astype(np.float64).repeat(32, 0).repeat(32, 1)
    return np.array(pieces.reshape(32, side, 32, side).mean((1, 3)))


@pytest.mark.parametrize("side", [96, 108])
def test_pixels_are_means_over_areas(side: int) -> None:
    """Each of the 32 x 32 pixels is the mean over its area, to the nearest whole number."""
    images_NEHW = np.random.default_rng(0).integers(0, 256, (1, 2, side, side), np.uint8)
    small = norb.subsampled(images_NEHW)
    for n, eye in np.ndindex(1, 2):
        plain = plainly_subsampled(images_NEHW[n, eye])
        np.testing.assert_array_equal(small[n, eye], np.rint(plain))
        assert abs(small[n, eye].mean() - images_NEHW[n, eye].mean()) < 0.1


@pytest.mark.parametrize("side", [96, 108])
def test_constant_images_stay_constant(side: int) -> None:
    """A constant image has the same shade after subsampling."""
    shades = np.arange(256, dtype=np.uint8)[:, None, None, None]
    small = norb.subsampled(np.broadcast_to(shades, (256, 2, side, side)))
    np.testing.assert_array_equal(small, np.broadcast_to(shades, (256, 2, 32, 32)))


def test_paper_split_cuts_the_training_files_in_order(edition: Edition, tmp_path: Path) -> None:
    """The first examples train, the others validate, the testing files test."""
    every = reduced(publish(edition, tmp_path, CATEGORIES))
    splits = read_splits(norb.NORB, tmp_path, {})
    bounds = (0, PAPER_TRAIN, 10 * COUNT, 12 * COUNT)
    for (name, split), (first, last) in zip(splits.items(), pairwise(bounds), strict=True):
        np.testing.assert_array_equal(split.x_NI, every[first:last], err_msg=name)
        np.testing.assert_array_equal(split.y_N, np.tile(CATEGORIES, 12)[first:last])
        assert split.x_NI.dtype == torch.uint8
        assert split.encoding.shape == (2, 32, 32)
        assert split.encoding.class_names == ("animal", "human", "plane", "truck", "car", "blank")


def test_instance_split_shows_no_toy_twice(
    monkeypatch: pytest.MonkeyPatch, edition: Edition, tmp_path: Path
) -> None:
    """Instance 9 and every fifth blank example of a file validate, nothing else does."""
    categories = np.tile(CATEGORIES, 3)
    edition = dataclasses.replace(edition, examples=len(categories))
    monkeypatch.setattr(norb, "JITTERED", edition)
    every = reduced(publish(edition, tmp_path, categories))
    splits = read_splits(norb.NORB, tmp_path, {"split": "instance"})
    held = np.resize(INSTANCES, len(categories)) == 9
    held[np.flatnonzero(categories == 5)[4]] = True  # of six blank ones a file
    training, valid = slice(0, 10 * len(categories)), np.tile(held, 10)
    for name, wanted in {"train": ~valid, "valid": valid}.items():
        np.testing.assert_array_equal(splits[name].x_NI, every[training][wanted])
        np.testing.assert_array_equal(splits[name].y_N, np.tile(categories, 10)[wanted])
    np.testing.assert_array_equal(splits["test"].x_NI, every[10 * len(categories) :])


def test_small_norb_is_split_by_instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small NORB's one training file is divided by instance too; it has five classes."""
    edition = dataclasses.replace(norb.SMALL, examples=10)
    monkeypatch.setattr(norb, "SMALL", edition)
    every = reduced(publish(edition, tmp_path, CATEGORIES[:10]))
    splits = read_splits(norb.NORB_SMALL, tmp_path, {})
    np.testing.assert_array_equal(splits["train"].x_NI, every[1:10:2])
    np.testing.assert_array_equal(splits["valid"].x_NI, every[0:10:2])
    np.testing.assert_array_equal(splits["test"].x_NI, every[10:])
    assert all(split.y_N.tolist() == [0, 1, 2, 3, 4] for split in [*splits.values()][:2])
    assert splits["test"].encoding.classes == 5


def test_range_takes_bytes_to_minus_one_and_one(edition: Edition, tmp_path: Path) -> None:
    """0 becomes -1, 255 becomes 1, and everything is within the bounds that the form states."""
    publish(edition, tmp_path, CATEGORIES)
    black_white = np.zeros((COUNT, 2, 108, 108), np.uint8)
    black_white[::2] = 255
    (tmp_path / edition.name("testing-01", "dat")).write_bytes(images(black_white))
    test = read_splits(norb.NORB, tmp_path, {"scaling": "range"})["test"]
    inputs = test.inputs(slice(None))
    assert set(inputs[:COUNT].unique().tolist()) == {-1, 1}
    assert test.encoding.bounds == (-1, 1) == (inputs.min().item(), inputs.max().item())


@pytest.mark.parametrize("by", ["paper", "instance"])
def test_standardized_inputs_are_those_of_nair_and_hinton(
    edition: Edition, tmp_path: Path, by: Literal["paper", "instance"]
) -> None:
    """Inputs are centered per example and divided by the mean standard deviation of a pixel."""
    publish(edition, tmp_path, CATEGORIES)
    splits = read_splits(norb.NORB, tmp_path, {"split": by, "scaling": "standardized"})
    stored = {name: split.x_NI.numpy().astype(np.float64) for name, split in splits.items()}
    centered = {name: x_NI - x_NI.mean(1, keepdims=True) for name, x_NI in stored.items()}
    scale = centered["train"].std(0).mean()
    for name, split in splits.items():
        np.testing.assert_allclose(
            split.inputs(slice(None)), centered[name] / scale, atol=1e-5, err_msg=name
        )
        assert split.x_NI.dtype == torch.uint8
        assert split.encoding.bounds == UNBOUNDED


def test_images_without_contrast_are_not_standardized(edition: Edition, tmp_path: Path) -> None:
    """Images without contrast are a Problem with its remedy."""
    publish(edition, tmp_path, CATEGORIES)
    for part in edition.training:
        gray = np.full((COUNT, 2, 108, 108), 7, np.uint8)
        (tmp_path / edition.name(part, "dat")).write_bytes(images(gray))
    with pytest.raises(Problem, match="have no contrast: set scaling: range"):
        read_splits(norb.NORB, tmp_path, {"scaling": "standardized"})


def test_absent_file_is_named(edition: Edition, tmp_path: Path) -> None:
    """A file that was not downloaded is a Problem that names it."""
    publish(edition, tmp_path, CATEGORIES)
    (tmp_path / edition.name("testing-02", "dat")).unlink()
    with pytest.raises(Problem, match=r"testing-02-dat\.mat\.gz is missing"):
        read_splits(norb.NORB, tmp_path, {})


def test_every_official_file_is_known() -> None:
    """All 36 files of NORB and all 6 of small NORB have an address and a hash of their own."""
    for dataset, count, digits in ((norb.NORB, 36, 40), (norb.NORB_SMALL, 6, 64)):
        files = dataset.files(dataset.source())
        assert len({file.digest for file in files}) == len({file.name for file in files}) == count
        assert {len(file.digest) for file in files} == {digits}
        assert all(file.urls == (dataset.address + file.name,) for file in files)
    names = {file.name: file for file in norb.NORB.files(None)}
    first = names["norb-5x46789x9x18x6x2x108x108-training-01-dat.mat.gz"]
    assert (first.digest[:8], first.limit) == ("38789c74", 680_244_504)
    last = names["norb-5x01235x9x18x6x2x108x108-testing-02-info.mat.gz"]
    assert (last.digest[:8], last.limit, last.algorithm) == ("4431515f", 1_166_420, "sha1")
    small = {file.name: file for file in norb.NORB_SMALL.files(None)}
    test_cat = small["smallnorb-5x01235x9x18x6x2x96x96-testing-cat.mat.gz"]
    assert (test_cat.digest[:8], test_cat.size, test_cat.limit) == ("ecaf6d5b", 347, 97_220)


def test_hashes_are_those_that_were_published() -> None:
    """The list of all 42 hashes and names, sorted, is the one that was taken from the sources."""
    files = (*norb.JITTERED.files(), *norb.SMALL.files())
    listed = "".join(sorted(f"{file.digest}  {file.name}\n" for file in files))
    assert hashlib.sha256(listed.encode()).hexdigest() == (
        "de845b46a2fb3ed12a1f5296c8f2149e85208ae8a58d0e40112ed49e4878c604"
    )


MEASURED = """
import json, resource, sys, time
from pathlib import Path
import torch
from pipeline.data.sources import norb
from pipeline.data.splits import examples
import dataclasses
raw = Path(sys.argv[1])
files = norb.JITTERED
parts = ("training-01-", "testing-01-")
digests = {name: value for name, value in files.digests.items() if name.startswith(parts)}
norb.JITTERED = dataclasses.replace(files, digests=digests)
norb.PAPER_TRAIN = 29_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
splits = norb.split(raw, norb.Preprocess(scaling="standardized"))
for name, split in splits._asdict().items():
    examples.write(split, raw / f"{name}.npz")
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"before": before * 1024e-9, "peak": peak * 1024e-9, "seconds": seconds}))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_full_size_file_fits_the_memory(tmp_path: Path) -> None:
    """Two files of 29,160 pairs of 108 x 108 become splits in at most 1.2 GB, torch included."""
    rng = np.random.default_rng(0)
    dat, twin = (
        tmp_path / norb.JITTERED.name(part, "dat") for part in ("training-01", "testing-01")
    )
    with gzip.open(dat, "wb", compresslevel=1) as file:
        file.write(struct.pack("<6i", BYTES, 4, FULL, 2, 108, 108))
        for _ in range(FULL // 120):
            file.write(rng.integers(64, 192, (120, 2, 108, 108), np.uint8).tobytes())
    twin.hardlink_to(dat)
    for path in (dat, twin):
        cat = path.with_name(path.name.replace("dat", "cat"))
        cat.write_bytes(integers(np.resize(CATEGORIES, FULL)))
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert measured["peak"] <= 1.2, measured
    assert len(examples.read(tmp_path / "test.npz")) == FULL
