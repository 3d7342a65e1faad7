"""Do the sign trick and the L1 penalty matter? (Section 4.1 of the paper; claims 10, 11, 12.)

Rectifier networks with and without half of their outputs negated, every unit with and without the
penalty. Without pre-training the signs change nothing but the draw: a network with negated
outputs is one with all positive ones from mirrored weights, to the bit (tests/test_backprop.py).
"""

from pipeline.config.arms import INITIALIZATIONS
from pipeline.config.params import Names, Section
from pipeline.experiments.conditions.condition import Condition, Setting


class Options(Section):
    """The activations that are trained with and without the penalty, from random starts."""

    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return the rectifier's conditions, with both starts, then those of the other activations."""
    rectifier = setting.unit("rectifier")
    found = []
    for initialization in INITIALIZATIONS:
        for negated, l1 in ((True, rectifier.l1), (False, rectifier.l1), (True, 0.0)):
            levels = _levels("rectifier", initialization, negated=negated, penalized=l1 > 0)
            unit = setting.unit("rectifier", half_negated=negated, l1=l1)
            found.append(setting.condition(levels, unit, initialization))
    for name in options.activations:
        for penalized in (True, False):
            unit = setting.unit(name, **({} if penalized else {"l1": 0.0}))
            levels = _levels(name, "random", negated=unit.half_negated, penalized=penalized)
            found.append(setting.condition(levels, unit))
    return found


def _levels(
    activation: str, initialization: str, *, negated: bool, penalized: bool
) -> dict[str, str | float]:
    return {
        "activation": activation,
        "initialization": initialization,
        "signs": "half negated" if negated else "all positive",
        "penalty": "L1" if penalized else "none",
    }
