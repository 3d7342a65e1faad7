"""Timings taken in turns on one machine, with quartiles."""

from collections.abc import Callable, Mapping

import numpy as np


def rounds(runs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Call every run once a round, in rotating order; return the results by name.

    So the machine's other load falls on all runs alike.
    """
    results: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(runs[name]())
    return results


def quartiles(values: list[float], unit: str) -> dict[str, float]:
    """Return the median under the name `unit`, the quartiles, and the number of repeats."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {
        unit: float(median),
        "first_quartile": float(low),
        "third_quartile": float(high),
        "repeats": len(values),
    }
