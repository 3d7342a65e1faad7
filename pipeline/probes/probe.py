"""Definition of a probe: a measurement of the arms' trained networks, or one without networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.runtime.storage import Record


@dataclass(frozen=True)
class Probe:
    """A probe, as the module of its name defines it in `PROBE`.

    `columns` are those of its records. `of_networks` returns the rows of a population, given the
    `Splits`; the `seed` of a row is the place of a network in the population. `alone` returns the
    rows of a probe that needs no network. `functions` are the activation functions that it can
    measure, None for any.
    """

    question: str
    columns: Sequence[str]
    of_networks: Callable[[Any, Any], list[Record]] | None = None
    alone: Callable[[], list[Record]] | None = None
    functions: tuple[str, ...] | None = None
