"""Handwritten digits of 8 x 8 pixels, included in scikit-learn.

Legend of shape suffixes: N examples, I inputs.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.sources.dataset import Dataset, NoOptions
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split, Splits
from pipeline.data.splits.stored_arrays import arrays, npz
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

ENCODING = Encoding((8, 8), tuple("0123456789"), scale=1 / 16)  # pixels of 0 to 16
FILE = "digits.npz"
SHA256 = "65e5b4619795efb40c1082f4c350c049e4ad552200d369b6ae99e21eef5e72c5"  # of x, then of y
VALID, TEST = 297, 500  # the other 1,000 of the 1,797 are for training
RANDOM_STATE = 0


def write_raw(raw: Path, _source: NoOptions) -> None:
    """Write scikit-learn's copy, x [1797, 64] uint8 and y [1797] int64, into the folder `raw`.

    Raises Problem where scikit-learn's copy has another hash than expected.
    """
    from sklearn.datasets import load_digits

    pixels_NI, labels_N = load_digits(return_X_y=True)
    x_NI, y_N = pixels_NI.astype(np.uint8), labels_N.astype("<i8")
    digest = _digest(x_NI, y_N)
    if digest != SHA256:
        raise Problem(
            f"scikit-learn's digits have sha256 {digest}, expected {SHA256}: "
            "install the version in constraints.txt"
        )
    storage.write_bytes(raw / FILE, npz({"x": x_NI, "y": y_N}))


def split(raw: Path, _options: NoOptions) -> Splits:
    """Return 1,000 / 297 / 500 examples, drawn once and for all with equal shares of each class.

    Raises Problem where the file in the folder `raw` is absent or has another hash.
    """
    from sklearn.model_selection import train_test_split

    x_NI, y_N = arrays(raw / FILE, ("x", "y"))
    if _digest(x_NI, y_N) != SHA256:
        raise storage.unreadable(raw / FILE, ValueError(f"sha256 is not {SHA256}"))
    rest, test = train_test_split(
        np.arange(len(y_N)), test_size=TEST, stratify=y_N, random_state=RANDOM_STATE
    )
    train, valid = train_test_split(
        rest, test_size=VALID, stratify=y_N[rest], random_state=RANDOM_STATE
    )
    return Splits(*(Split(x_NI[n], y_N[n], ENCODING) for n in (train, valid, test)))


def _digest(x_NI: NDArray[Any], y_N: NDArray[Any]) -> str:
    return hashlib.sha256(x_NI.tobytes() + y_N.tobytes()).hexdigest()


DIGITS = Dataset(
    name="digits",
    title="Optical recognition of handwritten digits",
    address="scikit-learn, sklearn.datasets.load_digits",
    citation="Alpaydin and Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49",
    license="CC BY 4.0",
    split=split,
    write_raw=write_raw,
)
