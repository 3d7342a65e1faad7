"""Axes of the charts: ends and labeled ticks, chosen once for all conditions of a sweep."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import LogLocator, MaxNLocator

from pipeline.report.figures.style import tick

WIDE = 5  # an axis is logarithmic where its largest value is so many times the smallest


def shares(values: Sequence[float]) -> dict[str, Any]:
    """Return the axis, in percent, of fractions: logarithmic where they differ widely."""
    percents = [100 * value for value in values]
    if min(percents) > 0 and max(percents) > WIDE * min(percents):
        return logarithmic(percents)
    return linear(max(percents))


def linear(high: float) -> dict[str, Any]:
    """Return an axis from 0 to at least `high`."""
    places = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(0, high or 1)
    return _axis(0, places[-1], list(places), log=False)


def logarithmic(values: Sequence[float]) -> dict[str, Any]:
    """Return a logarithmic axis of positive values; the fewer powers of 10, the more ticks."""
    low, high = min(values, default=1) / 1.3, max(values, default=1) * 1.3
    subs = (1, 2, 5) if high < 30 * low else (1, 3) if high < 1000 * low else (1,)
    places = [at for at in LogLocator(subs=subs).tick_values(low, high) if low <= at <= high]
    return _axis(low, high, places, log=True)


def _axis(low: float, high: float, places: Sequence[float], *, log: bool) -> dict[str, Any]:
    ticks = [[float(place), tick(place) if log else f"{place:g}"] for place in places]
    return {"low": float(low), "high": float(high), "log": log, "ticks": ticks}
