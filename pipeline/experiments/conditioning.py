"""Scale of the starting weights: ill-conditioned parametrizations (section 3.1).

The starting weights of the first hidden layer are divided by alpha and those of the softmax layer
multiplied by alpha: the network computes the same function, with rescaled weights.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The alphas; 1 is the plain start."""

    alphas: Annotated[list[Rate], Field(min_length=2)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each alpha."""
    return [
        setting.condition({"alpha": alpha}, setting.unit("rectifier"), scale=alpha)
        for alpha in sorted(options.alphas)
    ]


EXPERIMENT = Experiment(
    "Does it matter how a rectifier network is parametrized? (Section 3.1 of the paper; claim 13.)",
    Options,
    ("alpha",),
    conditions,
)
