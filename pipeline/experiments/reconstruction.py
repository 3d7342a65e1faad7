"""Reconstruction of one-sided units in pre-training (section 3.2, four strategies).

Rectifier networks are pre-trained with each reconstruction, then fine-tuned in the same way.
"""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.params import Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The reconstructions compared."""

    reconstructions: Annotated[
        list[Literal["softplus", "scaled", "linear", "rectifier"]], Field(min_length=2)
    ]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each reconstruction."""
    return [
        setting.condition(
            {"reconstruction": name},
            setting.unit("rectifier", reconstruction=name),
            "pretrained",
        )
        for name in options.reconstructions
    ]


EXPERIMENT = Experiment(
    "How should a one-sided unit be rebuilt? "
    "(Section 3.2 of the paper, four strategies; claim 15.)",
    Options,
    ("reconstruction",),
    conditions,
)
