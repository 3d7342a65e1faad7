"""Width: rectifier networks with as many and with twice as many units (section 3.1).

Tanh networks of n units a layer beside rectifier networks of n and of 2n, without pre-training.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """Widths of tanh networks as multiples of the dataset's; rectifiers have them doubled, too."""

    multiples: Annotated[list[Rate], Field(min_length=1)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation and multiple."""
    multiples = sorted(options.multiples)
    doubled = sorted({*multiples, *(2 * multiple for multiple in multiples)})
    return [
        setting.condition(
            {"activation": activation, "multiple": multiple},
            setting.unit(activation),
            hidden=tuple(max(1, round(multiple * width)) for width in setting.hidden),
        )
        for activation, widths in (("tanh", multiples), ("rectifier", doubled))
        for multiple in widths
    ]


EXPERIMENT = Experiment(
    "Does a one-sided unit need twice as many? (Section 3.1 of the paper; claim 18.)",
    Options,
    ("activation", "multiple"),
    conditions,
)
