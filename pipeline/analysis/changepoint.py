"""Changepoint of test error over sparsity: segmented regression on many networks (Figure 3).

Errors are constant up to the changepoint c and rise linearly beyond it: e = a + b max(0, z - c),
b >= 0, a hinge. Errors are counts, so their variance is taken as proportional to e (1 - e), with an
estimated factor. The interval of c has the values at which an F test does not reject the best fit.

Where c moves across data the fit is not smooth, and the plain F interval is a little short: on
simulated networks it covers 92 to 95%, so F is multiplied by `WIDENING`, with which it covers 95 to
98% (tests). Without a rise every c fits alike, and the interval is the whole range: undecided.

The interval allows neither for failed networks (`learned_little`; such tables are not fitted) nor
for errors that fall before they rise: a fall moves c up.

Legend of shape suffixes: N networks, G grid points of a changepoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PLACES = 200  # of the grid, and once more around its best
WIDENING = 1.25
FITTED = 3  # parameters: a, b, c
ROUNDS = 3  # of fitting and weighing
LEAST_NETWORKS = 10
LEARNED_LITTLE = 3  # times the median error: outliers that no hinge's interval allows for


@dataclass(frozen=True)
class Changepoint:
    """The best hinge through n networks, and the region of c in which a claim is true.

    `value` is c, `level` a, `slope` b. `low` and `high` are the ends of the region. `weights_N` are
    the networks' weights in the fit, of mean 1.
    """

    zeros_N: Array
    errors_N: Array
    weights_N: Array
    value: float
    level: float
    slope: float
    low: float
    high: float

    @property
    def n(self) -> int:
        """The number of networks."""
        return len(self.zeros_N)

    @property
    def bound(self) -> float:
        """The finite end of the region."""
        return self.low if np.isfinite(self.low) else self.high

    @property
    def inside(self) -> bool:
        """Whether the estimate itself lies in the region."""
        return self.low <= self.value <= self.high

    @property
    def p(self) -> float:
        """The p-value of a changepoint at the region's nearest end."""
        from scipy import special

        ends = np.array([end for end in (self.low, self.high) if np.isfinite(end)])
        return float(special.fdtrc(1, self.n - FITTED, self._ratios(ends)).max())

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval, within [0, 1]; `confidence` in (0, 1).

        An end is 0, or 1, where the interval reaches the fewest, or the most, zeros of the data:
        beyond them nothing is known.
        """
        from scipy import special

        places_G = _places(self.zeros_N, self.value)
        most = special.fdtri(1, self.n - FITTED, confidence)
        held = np.flatnonzero(self._ratios(places_G) <= most)
        low = 0.0 if held[0] == 0 else float(places_G[held[0]])
        high = 1.0 if held[-1] == len(places_G) - 1 else float(places_G[held[-1]])
        return low, high

    def _ratios(self, places_G: Array) -> Array:
        """Return the F ratio of each changepoint against the best one."""
        inside_G = places_G.clip(self.zeros_N.min(), self.zeros_N.max())
        best = _squares(self.zeros_N, self.errors_N, self.weights_N, np.array([self.value]))[0]
        squares_G = _squares(self.zeros_N, self.errors_N, self.weights_N, inside_G)
        scale = max(float(best), np.finfo(np.float64).tiny) / (self.n - FITTED)
        return np.asarray((squares_G - best).clip(min=0) / scale / WIDENING, np.float64)


def fit(
    zeros: Sequence[float], errors: Sequence[float], *, region: tuple[float, float]
) -> Changepoint:
    """Fit the changepoint of test errors over shares of zeros, both fractions, one a network.

    Raises ValueError for fewer than `LEAST_NETWORKS` networks.
    """
    if len(zeros) < LEAST_NETWORKS:
        raise ValueError(f"{len(zeros)} networks are too few for a breaking point")
    z_N, e_N = np.asarray(zeros, np.float64), np.asarray(errors, np.float64)
    w_N = np.ones_like(z_N)
    place = level = slope = 0.0
    for _ in range(ROUNDS):
        place = _best(z_N, e_N, w_N)
        level, slope = _line(z_N, e_N, w_N, place)
        expected_N = (level + slope * (z_N - place).clip(min=0)).clip(1e-4, 0.9)
        w_N = 1 / (expected_N * (1 - expected_N))
        w_N = w_N / w_N.mean()
    place = _best(z_N, e_N, w_N)
    level, slope = _line(z_N, e_N, w_N, place)
    if slope == 0:
        place = float(z_N.max())  # no rise as far as the data go
    return Changepoint(z_N, e_N, w_N, place, level, slope, *region)


def learned_little(errors: Sequence[float]) -> str | None:
    """Return the number of networks that failed, in a sentence; None without such networks."""
    lost = sum(error > LEARNED_LITTLE * median(errors) for error in errors)
    if not lost:
        return None
    return (
        f"{lost} of {len(errors)} networks learned little (test error above {LEARNED_LITTLE:g}"
        " times the median): these networks alone would place the changepoint."
    )


def _best(z_N: Array, e_N: Array, w_N: Array) -> float:
    coarse_G = np.linspace(z_N.min(), z_N.max(), PLACES)
    first = coarse_G[_squares(z_N, e_N, w_N, coarse_G).argmin()]
    places_G = _places(z_N, float(first))
    return float(places_G[_squares(z_N, e_N, w_N, places_G).argmin()])


def _places(z_N: Array, center: float) -> Array:
    """Return a grid over the data, finer around its center."""
    low, high = float(z_N.min()), float(z_N.max())
    step = 4 * (high - low) / PLACES
    fine_G = np.linspace(max(low, center - step), min(high, center + step), 2 * PLACES)
    return np.unique(np.concatenate([np.linspace(low, high, PLACES), fine_G, [center]]))


def _line(z_N: Array, e_N: Array, w_N: Array, place: float) -> tuple[float, float]:
    """Return level and slope, at least 0, of the best hinge with a given changepoint."""
    h_N = (z_N - place).clip(min=0)
    h, e = np.average(h_N, weights=w_N), np.average(e_N, weights=w_N)
    spread = float(w_N @ (h_N - h) ** 2)
    slope = max(0.0, float((w_N * (e_N - e)) @ (h_N - h)) / spread) if spread > 0 else 0.0
    return float(e - slope * h), slope


def _squares(z_N: Array, e_N: Array, w_N: Array, places_G: Array) -> Array:
    """Return the weighted residual sum of squares [G] of the best hinge at each changepoint."""
    e_N = e_N - np.average(e_N, weights=w_N)
    h_NG = (z_N[:, None] - places_G).clip(min=0)
    h_NG = h_NG - np.average(h_NG, axis=0, weights=w_N)
    spread_G = w_N @ h_NG**2
    shared_G = ((w_N * e_N) @ h_NG).clip(min=0)
    gain_G = np.where(spread_G > 1e-12, shared_G**2 / np.maximum(spread_G, 1e-12), 0)
    return np.asarray(float((w_N * e_N) @ e_N) - gain_G, np.float64)
