"""Dead units over training, by learning rate, L1 penalty and bias.

Rectifier networks without pre-training, with dead units recorded after each epoch. One factor is
varied at a time: the learning rate, the L1 penalty, or the bias at the start.
"""

from typing import Annotated, Any

from pydantic import Field

from pipeline.config.params import Penalty, Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Level, Setting


class Options(Section):
    """The levels of each factor; otherwise the penalty of the rectifier, `rate` and bias 0."""

    rate: Rate
    learning_rates: Annotated[list[Rate], Field(min_length=2)]
    l1: Annotated[list[Penalty], Field(min_length=2)]
    biases: Annotated[list[float], Field(min_length=2)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each level of each factor."""
    rates = [
        _condition(setting, "rate", rate, finetune=setting.at_rates(rate))
        for rate in options.learning_rates
    ]
    at_rate = setting.at_rates(options.rate)
    penalties = [_condition(setting, "l1", l1, l1=(l1,), finetune=at_rate) for l1 in options.l1]
    biases = [
        _condition(setting, "bias", bias, bias=bias, finetune=at_rate) for bias in options.biases
    ]
    return [*rates, *penalties, *biases]


def _condition(setting: Setting, factor: str, level: float, **changes: Any) -> Condition:
    levels: dict[str, Level] = {"varied": factor, "level": level}
    return setting.condition(levels, setting.unit("rectifier"), follow=True, **changes)


EXPERIMENT = Experiment(
    "When do rectifiers die, and do they come back? (Critics; claims 24b and 24c.)",
    Options,
    ("varied", "level"),
    conditions,
)
