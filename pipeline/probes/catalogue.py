"""Catalogue of probes: every module of this package that defines a PROBE, loaded by name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from pipeline import probes
from pipeline.config.arms import Arm
from pipeline.data.splits.examples import Examples
from pipeline.networks.population import Population
from pipeline.probes.probe import Probe
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

SHARED = {"catalogue", "probe", "representations"}  # modules that are no probe


@dataclass(frozen=True)
class Trained:
    """The chosen networks of an arm, one a seed; a seed whose every rate diverged has none."""

    arm: Arm
    stack: Population
    seeds: Sequence[int]


@dataclass(frozen=True)
class Splits:
    """The examples that networks are probed with; `train` holds inputs as networks saw them."""

    dataset: str
    train: Examples
    valid: Examples
    test: Examples


def names() -> list[str]:
    """Return the names of all probes."""
    return [module.name for module in iter_modules(probes.__path__) if module.name not in SHARED]


def probe(name: str) -> Probe:
    """Return a probe by name. Raises Problem that lists the known ones."""
    if name not in names():
        raise Problem(f"unknown probe {name!r}: use one of {', '.join(names())}")
    found: Probe = import_module(f"pipeline.probes.{name}").PROBE
    return found


def rows(name: str, arms: Iterable[Trained], splits: Splits) -> tuple[list[str], list[Record]]:
    """Return the columns and the rows of a probe, from every arm that it can measure."""
    known = probe(name)
    if known.of_networks is None:
        assert known.alone is not None
        return list(known.columns), known.alone()
    found = []
    for trained in arms:
        if known.functions is None or trained.stack.function in known.functions:
            arm = trained.arm
            names = {"activation": arm.activation, "initialization": arm.initialization}
            for row in known.of_networks(trained.stack, splits):
                found.append(row | names | {"seed": trained.seeds[row["seed"]]})
    return ["activation", "initialization", *known.columns], found
