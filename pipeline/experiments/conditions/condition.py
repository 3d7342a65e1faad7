"""Conditions of an experiment: each is one setting with its own networks, paired by seed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.config.params import (
    Activation,
    Finetune,
    Initialization,
    Params,
    Pretrain,
    Section,
    Sweep,
)
from pipeline.data.splits.encoding import Encoding
from pipeline.experiments.conditions.modern_recipe import Recipe
from pipeline.training import hidden_units

Level = str | float


@dataclass(frozen=True)
class Condition:
    """The settings of seeds x learning rates networks.

    `levels` holds the level of each factor. `pretrain` is None for a random start. `l1` is one
    penalty on the activations for all seeds, or one each. `labels` is the share of the labels used,
    in (0, 1]. `bias` is added to every hidden unit's at the start. `scale` divides the starting
    weights into the first hidden layer and multiplies those out of the last, which leaves the
    function of a rectifier network unchanged. `follow` records the dead units after each epoch.
    `recipe` trains by the modern recipe, from starts of its own. `by_half` records the dead units
    of each layer's positive and negated half.
    """

    levels: dict[str, Level]
    unit: Activation
    hidden: tuple[int, ...]
    seeds: int
    finetune: Finetune
    l1: tuple[float, ...]
    pretrain: Pretrain | None = None
    labels: float = 1.0
    bias: float = 0.0
    scale: float = 1.0
    follow: bool = False
    recipe: Recipe | None = None
    by_half: bool = False

    @property
    def name(self) -> str:
        """The levels as a file name, e.g. `tanh-pretrained-0.05`."""
        return "-".join(map(_word, self.levels.values())) or "all"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its networks for records: plain values by name."""
        phases = {"finetune": self.finetune} | (
            {"pretrain": self.pretrain} if self.pretrain else {}
        )
        return {
            **self.unit.model_dump(),
            "l1": list(dict.fromkeys([self.l1[0], self.l1[-1]])),  # the lowest and the highest
            "hidden": list(self.hidden),
            "initialization": "pretrained" if self.pretrain else "random",
            **{
                f"{phase}.{key}": value
                for phase, schedule in phases.items()
                for key, value in schedule.model_dump().items()
            },
            **{name: getattr(self, name) for name in ("labels", "bias", "scale")},
            "modern_recipe": asdict(self.recipe) if self.recipe else None,
        }

    @property
    def start(self) -> tuple[Any, ...]:
        """Settings of the starting networks, which conditions that agree in them share."""
        unit = self.unit if self.pretrain else self.unit.model_copy(update={"l1": 0.0})
        return unit, self.hidden, self.seeds, self.pretrain, self.bias, self.scale


def _word(level: Level) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


@dataclass(frozen=True)
class Setting:
    """Settings shared by the conditions of an experiment, unless they vary them."""

    dataset: str
    params: Params
    sweep: Sweep
    encoding: Encoding

    @classmethod
    def of(cls, params: Params, dataset: str, encoding: Encoding) -> "Setting":
        """Return the setting of a dataset with this encoding, from params.yaml."""
        return cls(dataset, params, params.sweep_for(dataset), encoding)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the dataset's hidden layers."""
        return tuple(self.params.dataset(self.dataset).network.hidden)

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the dataset's network, from the inputs to the classes."""
        return self.encoding.inputs, *self.hidden, self.encoding.classes

    def unit(self, name: str, **changes: Any) -> Activation:
        """Return an activation of params.yaml with the dataset's overrides and with changes.

        Raises Problem for an unknown activation or function.
        """
        hidden_units.check(self.params, name)
        return self.params.unit_for(self.dataset, name).model_copy(update=changes)

    def condition(
        self,
        levels: dict[str, Level],
        unit: Activation,
        initialization: Initialization = "random",
        **changes: Any,
    ) -> Condition:
        """Return a condition with the dataset's network and schedules, and with changes."""
        rates = {"learning_rates": self.sweep.learning_rates}
        condition = Condition(
            levels=levels,
            unit=unit,
            hidden=self.hidden[: unit.layers],
            seeds=self.sweep.seeds,
            finetune=self.params.finetune_for(self.dataset).model_copy(update=rates),
            l1=(unit.l1,),
            pretrain=(
                self.params.pretrain_for(self.dataset) if initialization == "pretrained" else None
            ),
        )
        return replace(condition, **changes)

    def at_rates(self, *learning_rates: float) -> Finetune:
        """Return the dataset's fine-tuning with another grid of learning rates."""
        finetune = self.params.finetune_for(self.dataset)
        return finetune.model_copy(update={"learning_rates": list(learning_rates)})


@dataclass(frozen=True)
class Experiment:
    """An experiment, as the module of its name defines it in `EXPERIMENT`.

    `options` is the form of its block in params.yaml. `factors` are the columns of its records that
    hold the levels of a condition. `conditions` returns all of its conditions. `columns` are
    further columns of its records, after those of all experiments.
    """

    question: str
    options: type[Section]
    factors: tuple[str, ...]
    conditions: Callable[[Setting, Any], list[Condition]]
    columns: tuple[str, ...] = ()
