"""Grid of learning rates, finer and wider than the paper's.

Every activation at every rate of a finer and wider grid than the paper's, from random starts.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Names, Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The finer grid, and the activations compared."""

    learning_rates: Annotated[list[Rate], Field(min_length=3)]
    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation and rate: validation selects only the epoch."""
    return [
        setting.condition(
            {"activation": activation, "rate": rate},
            setting.unit(activation),
            finetune=setting.at_rates(rate),
        )
        for activation in options.activations
        for rate in sorted(options.learning_rates)
    ]


EXPERIMENT = Experiment(
    "Does the grid of learning rates favor a unit? (Critics of Table 1; claim 29.)",
    Options,
    ("activation", "rate"),
    conditions,
)
