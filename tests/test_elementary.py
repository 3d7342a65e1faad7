"""Elementary functions: errors in units in the last place, special values, monotony."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import special

from pipeline.networks.arithmetic import compiler, row_kernels

Floats = NDArray[np.float32]


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """Keep the smallest floats, which training flushes to 0."""
    torch.set_flush_denormal(False)
    yield
    torch.set_flush_denormal(True)


Reference = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# By function: the same in float64, the largest error in units in the last place, whether monotone.
FUNCTIONS: dict[str, tuple[Reference, float, bool]] = {
    "exp": (np.exp, 1, True),
    "expm1": (np.expm1, 1.5, True),
    "log": (np.log, 1, True),
    "log1p": (np.log1p, 1, True),
    "tanh": (np.tanh, 1.5, True),
    "erf": (special.erf, 1.5, False),
    "softplus": (lambda x: np.logaddexp(0, x), 2, False),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), 2.5, False),
}
INFINITY = 0x7F800000  # bits of infinity; those of NaN follow
SIGN = 0x80000000
BLOCK = 1 << 22  # floats at once
STEP = 1511  # between the floats of the quick test


def compiled(name: str, x: Floats) -> Floats:
    out = np.empty_like(x)
    run = compiler.compiled_kernel(row_kernels.elementwise, function=name)
    run(x.ctypes.data, out.ctypes.data, len(x))
    return out


def floats(first: int, step: int) -> Iterator[Floats]:
    """Yield every `step`-th float from the bits `first` up to infinity, in blocks."""
    for start in range(first, first + INFINITY + 1, BLOCK * step):
        stop = min(start + BLOCK * step, first + INFINITY + 1)
        yield np.arange(start, stop, step, dtype=np.uint32).view(np.float32)


def check(name: str, step: int) -> None:
    """Check a function on every `step`-th float of both signs, in order of their size."""
    reference, limit, monotone = FUNCTIONS[name]
    for first, direction in ((0, 1), (SIGN, -1)):
        last = None
        for x in floats(first, step):
            y = compiled(name, x)
            with np.errstate(all="ignore"):
                true = reference(x.astype(np.float64))
                rounded = true.astype(np.float32)
                unit = np.maximum(np.spacing(np.abs(rounded)).astype(np.float64), 2.0**-149)
                errors = np.abs(y.astype(np.float64) - true) / unit
            finite = np.isfinite(rounded)
            np.testing.assert_array_equal(y[~finite], rounded[~finite])
            assert errors[finite].max(initial=0) <= limit, x[finite][errors[finite].argmax()]
            if monotone:
                ordered = y[~np.isnan(y)] if last is None else np.append(last, y[~np.isnan(y)])
                assert (direction * np.diff(ordered[np.isfinite(ordered)]) >= 0).all()
                last = y[~np.isnan(y)][-1:]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_on_many_floats(name: str) -> None:
    """Errors are within their limits, and nothing turns back, on every 1,511th float."""
    check(name, STEP)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_on_all_floats(name: str) -> None:
    """Errors are within their limits, and nothing turns back, on all 2^32 floats."""
    check(name, 1)


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("exp", math.nan, math.nan), ("exp", -math.inf, 0.0), ("exp", 88.72284, math.inf),
        ("expm1", -0.0, -0.0), ("expm1", -math.inf, -1.0), ("log", 0.0, -math.inf),
        ("log", -0.0, -math.inf), ("log", -1.0, math.nan), ("log", math.inf, math.inf),
        ("log1p", -1.0, -math.inf), ("log1p", -0.0, -0.0),
        ("log1p", -2.0, math.nan), ("log1p", math.nan, math.nan), ("tanh", -0.0, -0.0),
        ("tanh", math.inf, 1.0), ("tanh", -math.inf, -1.0), ("tanh", math.nan, math.nan),
        ("erf", -0.0, -0.0), ("erf", math.inf, 1.0), ("erf", -math.inf, -1.0),
        ("erf", math.nan, math.nan),
        ("softplus", -math.inf, 0.0), ("softplus", math.inf, math.inf),
        ("logistic", -math.inf, 0.0), ("logistic", math.inf, 1.0), ("logistic", math.nan, math.nan),
    ],
)  # fmt: skip
def test_special_values(name: str, x: float, y: float) -> None:
    """Limits, signs of zeros and NaN are those of IEEE 754."""
    found, true = compiled(name, np.float32([x]))[0], np.float32(y)
    np.testing.assert_array_equal(found, true)
    assert np.signbit(found) == np.signbit(true) or np.isnan(true)
