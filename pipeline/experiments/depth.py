"""Depth: networks of one to many hidden layers (section 3.1).

Networks of one to many hidden layers of equal width, without pre-training: test errors, and the
norm of each layer's weight gradient during training.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Count, Names, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The numbers of hidden layers, and the activations compared."""

    depths: Annotated[list[Count], Field(min_length=2)]
    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation and depth: layers as wide as the dataset's first."""
    return [
        setting.condition(
            {"activation": activation, "depth": depth},
            setting.unit(activation),
            hidden=(setting.hidden[0],) * depth,
        )
        for activation in options.activations
        for depth in sorted(options.depths)
    ]


EXPERIMENT = Experiment(
    "Do gradients reach the bottom of a deep network? (Section 3.1 of the paper; claim 14.)",
    Options,
    ("activation", "depth"),
    conditions,
)
