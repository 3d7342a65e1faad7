"""Statistics of a split on disk, computed block by block.

Legend of shape suffixes: N examples, B rows of a block, I inputs.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.download import inventory
from pipeline.data.formats.duplicates import duplicates, hashes
from pipeline.data.splits.encoding import Encoding, decode
from pipeline.runtime.storage import Record

BLOCK = 1 << 24  # bytes of a split that are in memory at once
DIGITS = 6  # significant digits of a range: further ones depend on the machine


def input_range(path: Path, encoding: Encoding) -> tuple[str, float, float]:
    """Return the type of a split's stored values, and the lowest and highest network input."""
    if encoding.vocabulary:
        return "presence bits, by their ones", 0.0, 1.0
    ends = []
    for x_BI in blocks(path):
        x = decode(torch.from_numpy(x_BI), encoding).numpy() if encoding.centered else x_BI
        ends.append((x.min(), x.max()))
    stored = torch.from_numpy(np.array([min(low for low, _ in ends), max(top for _, top in ends)]))
    low, high = (stored if encoding.centered else decode(stored, encoding)).tolist()
    return str(x_BI.dtype), float(f"{low:.{DIGITS}g}"), float(f"{high:.{DIGITS}g}")


def blocks(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the stored values of a split, in order, in blocks [B, I]."""
    with zipfile.ZipFile(path) as archive, archive.open("x.npy") as file:
        np.lib.format.read_magic(file)
        (rows, inputs), _, dtype = np.lib.format.read_array_header_1_0(file)
        width = inputs * dtype.itemsize
        step = max(1, BLOCK // width)
        for first in range(0, rows, step):
            content = bytearray(file.read(min(step, rows - first) * width))
            yield np.frombuffer(content, dtype).reshape(-1, inputs)


def constant_classes(path: Path, encoding: Encoding) -> tuple[str, ...]:
    """Return the classes of a split of images or numbers whose examples all have the same inputs.

    Classes with a single example are left out; so are texts. `("*",)` stands for all examples of
    the split.
    """
    if encoding.vocabulary:
        return ()
    y_N, first = labels(path), 0
    inputs: dict[int, NDArray[Any]] = {}
    varied = set[int]()
    for x_BI in blocks(path):
        y_B = y_N[first : first + len(x_BI)]
        first += len(x_BI)
        for label in {*np.unique(y_B).tolist()} - varied:
            x_I = inputs.setdefault(label, x_BI[np.argmax(y_B == label)])
            if (x_BI[y_B == label] != x_I).any():
                varied.add(label)
    constant = [label for label in sorted(inputs) if label not in varied]
    alike = all((x_I == inputs[constant[0]]).all() for x_I in inputs.values() if not varied)
    if alike and not varied and len(y_N) > 1:
        return ("*",)
    return tuple(encoding.class_names[label] for label in constant if (y_N == label).sum() > 1)


def labels(path: Path) -> NDArray[np.int64]:
    """Return the labels [N] of a split."""
    with np.load(path, allow_pickle=False) as stored:
        return np.asarray(stored["y"])


def notes(path: Path) -> Record:
    """Return the notes of a split for the data card; empty where it has none."""
    with np.load(path, allow_pickle=False) as stored:
        return dict(json.loads(str(stored["notes"]))) if "notes" in stored else {}


def repeated(ready: Path) -> Record:
    """Return how many examples of the splits in a folder have the same stored inputs as others."""
    paths = [ready / f"{part}.npz" for part in inventory.PARTS]
    inputs = [[each for x_BI in blocks(path) for each in hashes(x_BI)] for path in paths]
    return duplicates(inputs, [labels(path).tolist() for path in paths])


def text_statistics(path: Path, encoding: Encoding, frequent: int) -> Record:
    """Return the statistics of a training split of texts, for the data card.

    `ones` is the mean share of the terms that a text has, in [0, 1], `unlabeled` the number of
    texts without a label, `frequent` the most frequent terms with the share of texts that have each
    of them. The notes of the split are included.
    """
    assert encoding.vocabulary
    with np.load(path, allow_pickle=False) as stored:
        indices, y_N = stored["indices"], stored["y"]
    share_I = np.bincount(indices, minlength=encoding.inputs) / len(y_N)
    first_I = np.argsort(-share_I, kind="stable")[:frequent]
    statistics: Record = {
        "terms": encoding.inputs,
        "ngrams": list(encoding.vocabulary.tokens.ngrams),
        "ones": round(len(indices) / (len(y_N) * encoding.inputs), DIGITS),
        "terms_per_text": round(len(indices) / len(y_N), 1),
        "unlabeled": int(np.count_nonzero(y_N < 0)),
        "frequent": {
            encoding.vocabulary.terms[n]: round(float(share_I[n]), DIGITS) for n in first_I
        },
    }
    others = {name: note for name, note in notes(path).items() if name != "duplicates"}
    return statistics | others
