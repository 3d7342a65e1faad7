"""Are the units since 2011 better? (Claims 25 to 27.)

Every unit in the same budget, without pre-training. Maxout networks are narrower, so that they have
as many parameters as the others.
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
    """Return hidden widths of maxout units, of so many pieces, with as many parameters in all.

    `widths` runs from the inputs over the hidden layers of a network of one piece to the classes.
    The hidden ones shrink by one factor, the largest with which there are no more parameters.

    >>> equal_parameters((64, 200, 200, 200, 10), 1), equal_parameters((64, 200, 200, 200, 10), 2)
    ((200, 200, 200), (137, 137, 137))
    """
    inputs, *hidden, classes = widths
    most = _parameters(widths, 1)
    found = tuple(hidden)
    for percent in range(1000, 0, -1):
        found = tuple(max(1, round(percent / 1000 * width)) for width in hidden)
        if _parameters((inputs, *found, classes), pieces) <= most:
            break
    return found


def _parameters(widths: Sequence[int], pieces: int) -> int:
    layers = list(pairwise(widths))
    last_in, last_out = layers.pop()
    return sum((fan_in + 1) * pieces * fan_out for fan_in, fan_out in layers) + (
        (last_in + 1) * last_out
    )


EXPERIMENT = Experiment(__doc__, Options, ("activation",), conditions)
