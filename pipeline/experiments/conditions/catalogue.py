"""Catalogue of experiments: every module of `pipeline.experiments`, loaded by name.

A stage that runs one experiment imports only the module of this experiment.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from pipeline.config.params import Params
from pipeline.data.splits.encoding import Encoding
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting
from pipeline.runtime.errors import Problem


def names() -> list[str]:
    """Return the names of all experiments."""
    folder = Path(__file__).parents[1]
    return [module.name for module in iter_modules([str(folder)]) if not module.ispkg]


def experiment(name: str) -> Experiment:
    """Return an experiment by name. Raises Problem that lists the known ones."""
    if name not in names():
        raise Problem(f"unknown experiment {name!r}: use one of {', '.join(names())}")
    loaded: Experiment = import_module(f"pipeline.experiments.{name}").EXPERIMENT
    return loaded


def conditions_of(name: str, dataset: str, params: Params, encoding: Encoding) -> list[Condition]:
    """Return the conditions of an experiment on a dataset with this encoding.

    Raises Problem for an unknown experiment, and for a block of params.yaml that is wrong.
    """
    known = experiment(name)
    options = params.experiment_for(name, known.options)
    return known.conditions(Setting.of(params, dataset, encoding), options)
