"""The experiments that there are."""

from collections.abc import Callable
from dataclasses import dataclass
from sys import modules
from typing import Any

from pipeline.config.params import Params, Section
from pipeline.data.splits.encoding import Encoding
from pipeline.experiments import (
    ablation,
    conditioning,
    depth,
    dying,
    hardness,
    labels,
    rates,
    recipe,
    reconstruction,
    sparsity,
    units,
    width,
)
from pipeline.experiments.conditions.condition import Condition, Setting
from pipeline.runtime.errors import Problem


@dataclass(frozen=True)
class Experiment:
    """The form of an experiment's block in params.yaml, what it varies, and its conditions."""

    options: type[Section]
    factors: tuple[str, ...]
    conditions: Callable[[Setting, Any], list[Condition]]


EXPERIMENTS = {
    "sparsity": Experiment(sparsity.Options, (), sparsity.conditions),
    "hardness": Experiment(hardness.Options, ("alpha",), hardness.conditions),
    "labels": Experiment(
        labels.Options, ("activation", "initialization", "share"), labels.conditions
    ),
    "reconstruction": Experiment(
        reconstruction.Options, ("reconstruction",), reconstruction.conditions
    ),
    "ablation": Experiment(
        ablation.Options,
        ("activation", "initialization", "signs", "penalty"),
        ablation.conditions,
    ),
    "depth": Experiment(depth.Options, ("activation", "depth"), depth.conditions),
    "width": Experiment(width.Options, ("activation", "multiple"), width.conditions),
    "rates": Experiment(rates.Options, ("activation", "rate"), rates.conditions),
    "units": Experiment(units.Options, ("activation",), units.conditions),
    "recipe": Experiment(recipe.Options, ("activation", "recipe"), recipe.conditions),
    "dying": Experiment(dying.Options, ("varied", "level"), dying.conditions),
    "conditioning": Experiment(conditioning.Options, ("alpha",), conditioning.conditions),
}


def experiment(name: str) -> Experiment:
    """Return an experiment by name. Raises Problem that lists the known ones."""
    if name not in EXPERIMENTS:
        raise Problem(f"unknown experiment {name!r}: use one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def questions() -> dict[str, str]:
    """Return what each experiment asks: the first line of its module."""
    documents = {
        name: modules[known.options.__module__].__doc__ for name, known in EXPERIMENTS.items()
    }
    return {name: (document or "").splitlines()[0] for name, document in documents.items()}


def conditions_of(name: str, dataset: str, params: Params, form: Encoding) -> list[Condition]:
    """Return the conditions of an experiment on a dataset of this form.

    Raises Problem for an unknown experiment, and for a block of params.yaml that is wrong.
    """
    known = experiment(name)
    options = params.experiment_for(name, known.options)
    return known.conditions(Setting.of(params, dataset, form), options)
