"""Ablation of the signs and of the L1 penalty (section 4.1).

Rectifier networks with and without half of their outputs negated, and every activation with and
without the penalty. Signs only mirror the weights, with and without pre-training: a network with
negated outputs equals one with positive outputs from mirrored weights, to the bit
(tests/test_backprop.py, tests/test_denoising.py).
"""

from typing import Any

from pipeline.config.arms import INITIALIZATIONS
from pipeline.config.params import Initialization, Names, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Level, Setting


class Options(Section):
    """The activations that are trained with and without the penalty, from random starts."""

    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return the rectifier's conditions, with both starts, then those of the other activations."""
    l1 = setting.unit("rectifier").l1
    changes: list[dict[str, Any]] = [
        {"half_negated": True, "l1": l1},
        {"half_negated": False, "l1": l1},
        {"half_negated": True, "l1": 0.0},
    ]
    rectifiers = [
        _condition(setting, "rectifier", initialization, **change)
        for initialization in INITIALIZATIONS
        for change in changes
    ]
    without_penalty: list[dict[str, Any]] = [{}, {"l1": 0.0}]
    return rectifiers + [
        _condition(setting, name, "random", **change)
        for name in options.activations
        for change in without_penalty
    ]


def _condition(
    setting: Setting, activation: str, initialization: Initialization, **changes: Any
) -> Condition:
    unit = setting.unit(activation, **changes)
    levels: dict[str, Level] = {
        "activation": activation,
        "initialization": initialization,
        "signs": "half negated" if unit.half_negated else "all positive",
        "penalty": "L1" if unit.l1 > 0 else "none",
    }
    return setting.condition(levels, unit, initialization)


EXPERIMENT = Experiment(
    "Do the sign trick and the L1 penalty matter? (Section 4.1 of the paper; claims 10b, 11, 12.)",
    Options,
    ("activation", "initialization", "signs", "penalty"),
    conditions,
)
