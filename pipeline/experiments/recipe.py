"""Does today's recipe close the gap between units? (Claim 28.)

Rectifier and tanh networks without pre-training: as the arms are trained, then with He's start,
then also with Adam, then also with batch normalization and dropout; today's have no penalty.
"""

from typing import Annotated

from pydantic import Field

from pipeline.config.params import Names, Rate, Section
from pipeline.experiments.conditions.condition import Condition, Experiment, Setting
from pipeline.experiments.conditions.modern_recipe import Recipe


class Options(Section):
    """The activations compared, the share that dropout drops, one grid of rates for all recipes."""

    activations: Names
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rates: Annotated[list[Rate], Field(min_length=1)]


def conditions(setting: Setting, options: Options) -> list[Condition]:
    """Return a condition for each activation and recipe."""
    finetune = setting.at_rates(*options.learning_rates)
    recipes = {
        "he": Recipe(he=True, adam=False, batch_norm=False, dropout=0.0),
        "adam": Recipe(he=True, adam=True, batch_norm=False, dropout=0.0),
        "today": Recipe(he=True, adam=True, batch_norm=True, dropout=options.dropout),
    }
    found = []
    for name in options.activations:
        unit = setting.unit(name)
        of_2011 = setting.condition({"activation": name, "recipe": "2011"}, unit, finetune=finetune)
        found.append(of_2011)
        plain = unit.model_copy(update={"l1": 0.0, "half_negated": False})
        found += [
            setting.condition(
                {"activation": name, "recipe": key}, plain, finetune=finetune, recipe=recipe
            )
            for key, recipe in recipes.items()
        ]
    return found


EXPERIMENT = Experiment(__doc__, Options, ("activation", "recipe"), conditions)
