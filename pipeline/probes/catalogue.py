"""The probes that there are, and what they look at: the arms' trained networks, seed by seed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.config.arms import Arm
from pipeline.data.splits.examples import Examples
from pipeline.networks.population import Population
from pipeline.probes import complexity, neuron, overlap, patterns, separability, shift, spiking
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record


@dataclass(frozen=True)
class Trained:
    """The chosen networks of an arm, one a seed; a seed whose every rate diverged has none."""

    arm: Arm
    stack: Population
    seeds: Sequence[int]


@dataclass(frozen=True)
class Splits:
    """The examples that networks are looked at with; `train` as networks saw them."""

    dataset: str
    train: Examples
    valid: Examples
    test: Examples


@dataclass(frozen=True)
class Probe:
    """What it asks, the columns of its table, and the rows of one arm; `seed` is a place there.

    `functions` are the units that it can look at, None for any. A probe without `of_arm` looks at
    no network: `alone` returns its rows.
    """

    question: str
    columns: Sequence[str]
    of_arm: Callable[[Trained, Splits], list[Record]] | None = None
    alone: Callable[[], list[Record]] | None = None
    functions: tuple[str, ...] | None = None


PROBES = {
    "overlap": Probe(
        "Do small changes of the input leave active units as they are? (Section 2.2; claim 17.)",
        overlap.COLUMNS,
        lambda trained, splits: overlap.rows(splits.dataset, trained.stack, splits.test),
    ),
    "complexity": Probe(
        "Does a richer input take more active units? (Section 2.2; claim 17.)",
        complexity.COLUMNS,
        lambda trained, splits: complexity.rows(trained.stack, splits.test),
    ),
    "separability": Probe(
        "Is a higher layer easier for a linear classifier? (Section 2.2; claim 17.)",
        separability.COLUMNS,
        lambda trained, splits: separability.rows(
            trained.stack, splits.train, splits.valid, splits.test
        ),
    ),
    "patterns": Probe(
        "Is the code distributed, though sparse? (Section 2.2; claim 17.)",
        patterns.COLUMNS,
        lambda trained, splits: patterns.rows(trained.stack, splits.test),
    ),
    "shift": Probe(
        "Are outputs of mean 0 better? (Critics; claim 35.)",
        shift.COLUMNS,
        lambda trained, splits: shift.rows(trained.stack, splits.test),
    ),
    "spiking": Probe(
        "Does a rectifier network survive as spiking neurons? (Critics; claim 31.)",
        spiking.COLUMNS,
        lambda trained, splits: spiking.rows(trained.stack, splits.train, splits.test),
        functions=("rectifier",),
    ),
    "neuron": Probe(
        "Which unit is nearest to a neuron's firing rate? (Section 2.1 of the paper; claim 23.)",
        neuron.COLUMNS,
        alone=neuron.rows,
    ),
}


def probe(name: str) -> Probe:
    """Return a probe by name. Raises Problem that lists the known ones."""
    if name not in PROBES:
        raise Problem(f"unknown probe {name!r}: use one of {', '.join(PROBES)}")
    return PROBES[name]


def questions() -> dict[str, str]:
    """Return what each probe asks."""
    return {name: known.question for name, known in PROBES.items()}


def rows(name: str, arms: Iterable[Trained], splits: Splits) -> tuple[list[str], list[Record]]:
    """Return the columns and the rows of a probe: those of each arm that it can look at."""
    known = probe(name)
    if known.of_arm is None:
        assert known.alone is not None
        return list(known.columns), known.alone()
    found = []
    for trained in arms:
        if known.functions is None or trained.stack.function in known.functions:
            names = {
                "activation": trained.arm.activation,
                "initialization": trained.arm.initialization,
            }
            for row in known.of_arm(trained, splits):
                found.append(row | names | {"seed": trained.seeds[row["seed"]]})
    return ["activation", "initialization", *known.columns], found
