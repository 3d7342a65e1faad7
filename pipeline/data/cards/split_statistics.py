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

from pipeline.data.splits.encoding import Encoding, decode
from pipeline.runtime.storage import Record

BLOCK = 1 << 24  # bytes of a split that are in memory at once
DIGITS = 6  # significant digits of a range: further ones depend on the machine


def input_range(path: Path, form: Encoding) -> tuple[str, float, float]:
    """Return the type of a split's stored values, and the lowest and highest network input."""
    if form.vocabulary:
        return "presence bits, by their ones", 0.0, 1.0
    ends = []
    for x_BI in blocks(path):
        x = decode(torch.from_numpy(x_BI), form).numpy() if form.centered else x_BI
        ends.append((x.min(), x.max()))
    stored = torch.from_numpy(np.array([min(low for low, _ in ends), max(top for _, top in ends)]))
    low, high = (stored if form.centered else decode(stored, form)).tolist()
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


def labels(path: Path) -> NDArray[np.int64]:
    """Return the labels [N] of a split."""
    with np.load(path, allow_pickle=False) as stored:
        return np.asarray(stored["y"])


def text_statistics(path: Path, form: Encoding, frequent: int) -> Record:
    """Return the statistics of a training split of texts, for the data card.

    `ones` is the mean share of the terms that a text has, in [0, 1], `unlabeled` the number of
    texts without a label, `frequent` the most frequent terms with the share of texts that have each
    of them. The notes of the split are included.
    """
    assert form.vocabulary
    with np.load(path, allow_pickle=False) as stored:
        indices, y_N, notes = stored["indices"], stored["y"], json.loads(str(stored["notes"]))
    share_I = np.bincount(indices, minlength=form.inputs) / len(y_N)
    first_I = np.argsort(-share_I, kind="stable")[:frequent]
    statistics: Record = {
        "terms": form.inputs,
        "ngrams": list(form.vocabulary.tokens.ngrams),
        "ones": round(len(indices) / (len(y_N) * form.inputs), DIGITS),
        "terms_per_text": round(len(indices) / len(y_N), 1),
        "unlabeled": int(np.count_nonzero(y_N < 0)),
        "frequent": {form.vocabulary.terms[n]: round(float(share_I[n]), DIGITS) for n in first_I},
    }
    return {**statistics, **notes}
