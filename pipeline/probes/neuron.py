"""Firing rates of a neuron, and fits of activation functions to them (section 2.1).

The leaky integrate-and-fire neuron (paper, section 2.1 and figure 2) integrates a current I and
leaks it with time constant tau; at V_th it spikes, then rests for t_ref and starts again at V_r.
Under a constant current it fires at [tau log((E + R I - V_r) / (E + R I - V_th)) + t_ref]^-1 where
E + R I > V_th, and not at all elsewhere.

The function scale * g(gain * (I - threshold)) is fitted to that curve: three free parameters for
each activation function g, except the rectifier, whose scale and gain are one parameter. No fit has
an offset: with one, tanh and the sigmoid would be the same function, and an offset alone would fit
the silence below the threshold. Softplus becomes the rectifier as its gain grows, so it never fits
worse; where its gain is at the end of the search the two functions agree.

Legend of shape suffixes: N currents of a curve.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.probes.probe import Probe
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

Array = NDArray[np.float64]

REFRACTORY_MS = (0.0, 1.0, 2.0, 3.0, 4.0)  # at 5 ms no neuron reaches 200 Hz
MOST_RATES_HZ = (50.0, 100.0, 200.0)
POINTS = 501  # currents of one curve, evenly spaced
STARTS = 4  # of a search
# Bounds of the search, in units of the range of currents: tanh of the lowest gain is a straight
# line, softplus of the highest a rectifier.
GAINS = (0.1, 1e4)
THRESHOLDS = (-5.0, 5.0)
COLUMNS = [
    "activation", "t_ref_ms", "most_rate_hz", "least_mv", "misfit",
    "scale_hz", "gain_per_na", "threshold_na",
]  # fmt: skip


@dataclass(frozen=True)
class Neuron:
    """The constants of a leaky integrate-and-fire neuron: mV, ms and megaohm; currents are in nA.

    R sets the unit of the current alone: no misfit depends on it.
    """

    rest_mv: float  # E, the potential without any current
    reset_mv: float  # V_r, below the threshold
    threshold_mv: float  # V_th, above E
    tau_ms: float
    resistance_megaohm: float
    refractory_ms: float = 0.0  # t_ref

    def current(self, potential_mv: float) -> float:
        """Return the current in nA that holds a membrane without spikes at a potential."""
        return (potential_mv - self.rest_mv) / self.resistance_megaohm

    def rate(self, current_na: Array) -> Array:
        """Return the firing rates in Hz under constant currents of any shape."""
        driven_mv = self.rest_mv + self.resistance_megaohm * current_na
        above_mv = np.maximum(driven_mv - self.threshold_mv, 0)
        with np.errstate(divide="ignore"):
            charging_ms = self.tau_ms * np.log1p((self.threshold_mv - self.reset_mv) / above_mv)
        return np.asarray(1000 / (charging_ms + self.refractory_ms), dtype=np.float64)

    def current_for(self, rate_hz: float) -> float:
        """Return the current in nA for a firing rate in Hz, the inverse of `rate`.

        Raises Problem where the refractory period allows no such rate.
        """
        charging_ms = 1000 / rate_hz - self.refractory_ms
        if charging_ms <= 0:
            raise Problem(
                f"a refractory period of {self.refractory_ms:g} ms allows no {rate_hz:g} Hz: "
                f"use less than {1000 / self.refractory_ms:g} Hz"
            )
        above_mv = (self.threshold_mv - self.reset_mv) / math.expm1(charging_ms / self.tau_ms)
        return self.current(self.threshold_mv + above_mv)


# Dayan and Abbott, Theoretical Neuroscience (2001), figure 5.6: the constants with which the model
# fits the rates of a pyramidal cell in a cat's visual cortex. The lower end of the currents is the
# inhibitory synapses' reversal potential in figure 5.20. Mark [M]: from memory of the book.
CORTICAL = Neuron(rest_mv=-65, reset_mv=-65, threshold_mv=-50, tau_ms=30, resistance_megaohm=90)
INHIBITED_MV = -80.0  # inhibition draws the membrane towards this potential and never below it


def _sigmoid(z: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(z), dtype=np.float64)


# The functions of the trained networks, of hardness 1, in numpy: a fit is thousands of evaluations
# of a few hundred numbers. The sigmoid is added as the textbooks' choice.
SHAPES: dict[str, Callable[[Array], Array]] = {
    "rectifier": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.logaddexp(0, z),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
}
HOMOGENEOUS = ("rectifier",)  # g(a z) = a g(z) for a > 0: the gain is part of the scale


@dataclass(frozen=True)
class Fit:
    """Least-squares fit of scale * g(gain * (I - threshold)) to a neuron's rates."""

    activation: str
    scale_hz: float
    gain_per_na: float  # 1 for the rectifier, where the scale is in Hz per nA
    threshold_na: float
    misfit: float  # root of the mean square difference, over the range's highest rate

    def rate(self, current_na: Array) -> Array:
        """Return the fitted rates in Hz."""
        z = self.gain_per_na * (current_na - self.threshold_na)
        return self.scale_hz * SHAPES[self.activation](z)


@dataclass(frozen=True)
class Curve:
    """Firing rates [N] in Hz under currents [N] in nA, with the fit of each function."""

    current_N: Array
    rate_N: Array
    fits: dict[str, Fit]

    def fitted(self) -> dict[str, Array]:
        """Return the rates [N] in Hz of each fit."""
        return {name: fit.rate(self.current_N) for name, fit in self.fits.items()}


def curve(neuron: Neuron, most_rate_hz: float, least_mv: float = INHIBITED_MV) -> Curve:
    """Return the rates over a range of currents, and every activation function's fit to them.

    The range runs from the current that holds the membrane at `least_mv` to that under which the
    neuron fires at `most_rate_hz`. Raises Problem where it cannot fire that fast.
    """
    ends = neuron.current(least_mv), neuron.current_for(most_rate_hz)
    current_N = np.linspace(*ends, POINTS, dtype=np.float64)
    rate_N = neuron.rate(current_N)
    return Curve(current_N, rate_N, {name: fit(name, current_N, rate_N) for name in SHAPES})


def fit(activation: str, current_N: Array, rate_N: Array) -> Fit:
    """Fit an activation function to rates [N] in Hz under rising currents [N] in nA.

    The scale has a closed form, so that the search is over gain and threshold alone: scipy's
    least squares from the best points of a coarse grid. Deterministic.
    """
    from scipy.optimize import least_squares

    first, span, most = float(current_N[0]), float(np.ptp(current_N)), float(rate_N.max())
    search = _Search(activation, (current_N - first) / span, rate_N / most)
    low, high = zip(THRESHOLDS, np.log(GAINS), strict=True)
    solutions = [
        least_squares(search.residuals, p, bounds=(low[: len(p)], high[: len(p)]), method="dogbox")
        for p in search.starts()
    ]
    best = min(solutions, key=lambda one: float(one.cost))
    threshold, gain = search.parameters(best.x)
    scale = search.scale(best.x)
    if activation in HOMOGENEOUS:
        gain, scale = span, scale / span
    misfit = float(np.sqrt(np.mean(np.square(best.fun))))
    return Fit(activation, scale * most, gain / span, first + threshold * span, misfit)


@dataclass(frozen=True)
class _Search:
    """Least squares of one function over x in [0, 1] and y <= 1, with the best scale."""

    activation: str
    x_N: Array
    y_N: Array

    def parameters(self, p: Array) -> tuple[float, float]:
        """Return threshold and gain from (threshold, log gain) or (threshold,)."""
        return float(p[0]), math.exp(p[1]) if len(p) > 1 else 1.0

    def shape(self, p: Array) -> Array:
        """Return g without its scale [N]."""
        threshold, gain = self.parameters(p)
        return SHAPES[self.activation](gain * (self.x_N - threshold))

    def scale(self, p: Array) -> float:
        """Return the best scale, 0 where g is 0 throughout."""
        g_N = self.shape(p)
        return float(g_N @ self.y_N) / max(float(g_N @ g_N), np.finfo(np.float64).tiny)

    def residuals(self, p: Array) -> Array:
        """Return the fit less the curve [N]."""
        return self.scale(p) * self.shape(p) - self.y_N

    def starts(self) -> list[Array]:
        """Return the starting points: the best gains of a grid, each with its best threshold."""
        thresholds, log_gains = np.linspace(-0.5, 1, 16), np.linspace(-2, 6, 9)
        gains = [()] if self.activation in HOMOGENEOUS else [(g,) for g in log_gains]
        best = [min((np.array([t, *g]) for t in thresholds), key=self.cost) for g in gains]
        return sorted(best, key=self.cost)[:STARTS]

    def cost(self, p: Array) -> float:
        """Return the sum of squares."""
        return float(np.square(self.residuals(p)).sum())


def rows(
    neuron: Neuron = CORTICAL,
    *,
    refractory_ms: Sequence[float] = REFRACTORY_MS,
    most_rates_hz: Sequence[float] = MOST_RATES_HZ,
) -> list[Record]:
    """Return one row for each activation function, refractory period and range of currents.

    `least_mv` and `most_rate_hz` are the ends of the range, the lower one at rest or where
    inhibition holds the membrane. Raises Problem where a period allows no such rate.
    """
    records = []
    for period in refractory_ms:
        for most in most_rates_hz:
            for least in (neuron.rest_mv, INHIBITED_MV):
                drawn = curve(replace(neuron, refractory_ms=period), most, least)
                levels = {"t_ref_ms": period, "most_rate_hz": most, "least_mv": least}
                records += [levels | asdict(each) for each in drawn.fits.values()]
    return [{column: row[column] for column in COLUMNS} for row in records]


PROBE = Probe(
    "Which unit is nearest to a neuron's firing rate? (Section 2.1 of the paper; claim 23.)",
    COLUMNS,
    alone=rows,
)
