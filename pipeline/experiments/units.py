"""Activation functions since 2011, with equal budgets and numbers of parameters.

Every activation with the same tuning budget, without pre-training. Maxout networks are narrower, so
that they have as many parameters as the others.
"""

from collections.abc import Sequence
from itertools import pairwise

from pipeline.config.params import Names, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The activations compared: names of params.yaml."""

    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation."""
    return [
        setting.condition(
            {"activation": name},
            setting.unit(name),
            hidden=equal_parameters(setting.widths, setting.unit(name).pieces),
        )
        for name in options.activations
    ]


def equal_parameters(widths: Sequence[int], pieces: int) -> tuple[int, ...]:
    """Return hidden widths of a maxout network with as many parameters as one of one piece.

    `widths` are those of the network of one piece, from the inputs to the classes. The hidden ones
    shrink by one factor, the largest without more parameters.

    >>> equal_parameters((64, 200, 200, 200, 10), 1), equal_parameters((64, 200, 200, 200, 10), 2)
    ((200, 200, 200), (137, 137, 137))
    """
    inputs, *hidden, classes = widths
    most = _parameters(widths, 1)
    for permille in range(1000, 0, -1):
        shrunk = tuple(max(1, round(permille / 1000 * width)) for width in hidden)
        if _parameters((inputs, *shrunk, classes), pieces) <= most:
            break
    return shrunk


def _parameters(widths: Sequence[int], pieces: int) -> int:
    *hidden, (last_in, last_out) = pairwise(widths)
    return sum((fan_in + 1) * pieces * fan_out for fan_in, fan_out in hidden) + (
        (last_in + 1) * last_out
    )


EXPERIMENT = Experiment(
    "Are the units since 2011 better? (Claims 25 to 27.)", Options, ("activation",), conditions
)
