"""A condition: one setting of an experiment, with networks of its own; seeds pair conditions."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.config.params import Activation, Finetune, Initialization, Params, Pretrain, Sweep
from pipeline.data.splits.encoding import Encoding
from pipeline.experiments.conditions.modern_recipe import Recipe

Level = str | float


@dataclass(frozen=True)
class Condition:
    """How the networks of one setting are made: as many as seeds x learning rates.

    `levels` holds what sets it apart, by factor. `pretrain` is None for a random start. `l1` is one
    penalty on the activations for all seeds, or one each. `labels` is a share in (0, 1]. `bias` is
    that of every hidden unit at the start. `scale` divides the starting weights into the first
    hidden layer and multiplies those out of the last: of rectifier networks the function stays.
    `follow` records which units are dead after each epoch. `recipe` has torch.nn train, from starts
    of its own.
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

    @property
    def name(self) -> str:
        """Its levels as a file's name, e.g. `tanh-pretrained-0.05`."""
        return "-".join(map(_word, self.levels.values())) or "all"

    @property
    def settings(self) -> dict[str, Any]:
        """How its networks are made, for records: plain values by name."""
        phases = {"finetune": self.finetune} | (
            {"pretrain": self.pretrain} if self.pretrain else {}
        )
        return {
            **self.unit.model_dump(),
            "l1": list(dict.fromkeys([self.l1[0], self.l1[-1]])),  # from, and to
            "hidden": list(self.hidden),
            "initialization": "pretrained" if self.pretrain else "random",
            **{
                f"{phase}.{key}": value
                for phase, schedule in phases.items()
                for key, value in schedule.model_dump().items()
            },
            **{name: getattr(self, name) for name in ("labels", "bias", "scale")},
            "recipe_today": asdict(self.recipe) if self.recipe else None,
        }

    @property
    def start(self) -> tuple[Any, ...]:
        """What the starting networks follow from: conditions that agree in it share them."""
        unit = self.unit if self.pretrain else self.unit.model_copy(update={"l1": 0.0})
        return unit, self.hidden, self.seeds, self.pretrain, self.bias, self.scale


def _word(level: Level) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


@dataclass(frozen=True)
class Setting:
    """What the conditions of an experiment have in common, unless they say otherwise."""

    dataset: str
    params: Params
    sweep: Sweep
    encoding: Encoding

    @classmethod
    def of(cls, params: Params, dataset: str, form: Encoding) -> "Setting":
        """Return the setting that params.yaml has for a dataset of this form."""
        return cls(dataset, params, params.sweep_for(dataset), form)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the dataset's hidden layers."""
        return tuple(self.params.dataset(self.dataset).network.hidden)

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the dataset's network, from the inputs to the classes."""
        return self.encoding.inputs, *self.hidden, self.encoding.classes

    def unit(self, name: str, **changes: Any) -> Activation:
        """Return an activation of params.yaml as the dataset has it, with changes."""
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
