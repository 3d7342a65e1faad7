"""Modern training recipe: He's start, Adam, batch normalization, dropout.

Rectifier and tanh networks without pre-training: trained as the arms; with He's start; with He's
start and Adam; and with batch normalization and dropout in addition. Only the first has a penalty.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Names, Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting
from pipeline.experiments.conditions.modern_recipe import Recipe


class Options(Section):
    """The activations compared, the dropout rate, and the grid of learning rates of all recipes."""

    activations: Names
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rates: Annotated[list[Rate], Field(min_length=1)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation and recipe."""
    finetune = setting.at_rates(*options.learning_rates)
    recipes = {
        "2011": None,
        "he": Recipe(he=True, adam=False, batch_norm=False, dropout=0.0),
        "adam": Recipe(he=True, adam=True, batch_norm=False, dropout=0.0),
        "today": Recipe(he=True, adam=True, batch_norm=True, dropout=options.dropout),
    }
    plain = {"l1": 0.0, "half_negated": False}
    return [
        setting.condition(
            {"activation": name, "recipe": key},
            setting.unit(name, **(plain if recipe else {})),
            finetune=finetune,
            recipe=recipe,
        )
        for name in options.activations
        for key, recipe in recipes.items()
    ]


EXPERIMENT = Experiment(
    "Does today's recipe close the gap between units? (Claim 28.)",
    Options,
    ("activation", "recipe"),
    conditions,
)
