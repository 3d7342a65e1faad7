"""Softplus networks of growing hardness (section 4.1).

Networks of (1/alpha) softplus(alpha z) with growing alpha, up to the limit, the rectifier.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting


class Options(Section):
    """The alphas of the softplus networks; the rectifier (infinite alpha) is added."""

    alphas: Annotated[list[Rate], Field(min_length=2)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each alpha, the rectifier last; no pre-training."""
    soft = [
        setting.condition({"alpha": alpha}, setting.unit("softplus", hardness=alpha))
        for alpha in sorted(options.alphas)
    ]
    return [*soft, setting.condition({"alpha": "infinity"}, setting.unit("rectifier"))]


EXPERIMENT = Experiment(
    "Is a harder nonlinearity better? (Section 4.1 of the paper, on NORB; claim 2b.)",
    Options,
    ("alpha",),
    conditions,
)
