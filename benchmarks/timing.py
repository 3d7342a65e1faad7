"""Times that can be compared: taken in turns on one machine, told with their spread."""

from collections.abc import Callable, Mapping

import numpy as np


def rounds(runs: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Run everybody once a round, in an order that rotates; return what each run says, by name.

    So what the machine does meanwhile falls on all alike.
    """
    found: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(runs[name]())
    return found


def quartiles(values: list[float], unit: str) -> dict[str, float]:
    """Return the median under the name `unit`, the quartiles, and of how many repeats they are."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {
        unit: float(median),
        "first_quartile": float(low),
        "third_quartile": float(high),
        "repeats": len(values),
    }
