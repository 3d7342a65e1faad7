"""Unlabeled examples: pre-training and a growing share of the labels (Figure 4).

Networks are pre-trained on all inputs, or start at random, and are fine-tuned on a growing share of
the labels. Every share trains for the same number of steps; validation keeps all labels.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.arms import INITIALIZATIONS
from pipeline.config.params import Names, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The shares of the labels, in (0, 1], and the activations compared."""

    shares: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2)]
    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation, initialization and share."""
    return [
        setting.condition(
            {"activation": activation, "initialization": initialization, "share": share},
            setting.unit(activation),
            initialization,
            labels=share,
        )
        for activation in options.activations
        for initialization in INITIALIZATIONS
        for share in sorted(options.shares)
    ]


EXPERIMENT = Experiment(
    "What are unlabeled examples worth? (Figure 4 of the paper, on NORB; claim 5.)",
    Options,
    ("activation", "initialization", "share"),
    conditions,
)
