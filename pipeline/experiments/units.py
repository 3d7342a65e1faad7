"""Are the units since 2011 better? (Claims 25 to 27.)

Every unit in the same budget, without pre-training. Maxout networks are narrower, so that they have
as many parameters as the others.
"""

from pipeline.experiments.condition import Condition, Setting
from pipeline.params import Names, Section


class Options(Section):
    """The activations compared: names of params.yaml."""

    activations: Names


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation."""
    return [
        setting.condition({"activation": name}, setting.unit(name)) for name in options.activations
    ]
