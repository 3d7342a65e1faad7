"""params.yaml as frozen, validated objects: the one module that reads it."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime.errors import Problem

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Initialization = Literal["random", "pretrained"]
PAPER_IMAGES = 81_920_000  # the training images of NISTP (section 4.1): 100 files of 819,200
Names = Annotated[list[str], Field(min_length=1)]


class Section(BaseModel):
    """A part of params.yaml: unknown keys and wrong types are refused, nothing can be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


SectionType = TypeVar("SectionType", bound=Section)


class Run(Section):
    """What is run: the arms are the product of three lists, each repeated `seeds` times; for the
    claims also `experiments`, with networks of their own, and `probes` of the arms' networks."""

    datasets: Names
    activations: Names
    initializations: Annotated[list[Initialization], Field(min_length=1)]
    seeds: Count
    experiments: Names
    probes: Names


class Sweep(Section):
    """What the conditions of all experiments have in common."""

    seeds: Annotated[int, Field(ge=2)]
    learning_rates: Annotated[list[Rate], Field(min_length=1)]


class Schedule(Section):
    """What both training phases have: a grid of rates, and when to stop."""

    learning_rates: Annotated[list[Rate], Field(min_length=1)]
    batch_size: Count
    epochs: Count
    patience: Count
    images: Count | Literal["paper"] | None = None  # of a generated dataset: in all epochs together

    @property
    def epoch_images(self) -> int | None:
        """The fresh images of one epoch, None where an epoch is a pass over the training split."""
        if self.images is None:
            return None
        return (PAPER_IMAGES if self.images == "paper" else self.images) // self.epochs


Probability = Annotated[float, Field(ge=0, lt=1)]
Reconstruction = Literal["softplus", "scaled", "linear", "rectifier", "sigmoid"]


class Pretrain(Schedule):
    """Greedy denoising auto-encoders (paper, section 3.2).

    `corruption` is the masking noise of every layer's inputs, or with `corruption_above` (one a
    layer, the lowest first; the last is that of all further ones) of the first layer's. Of texts
    `salt` is the probability that a zero is turned on, and `rebuilt` the share of the terms that
    are rebuilt at a step, in (0, 1]. `reconstructions` names what an activation rebuilds with where
    it is not its own.
    """

    corruption: Probability
    corruption_above: list[Probability] = []
    tied: bool
    salt: Probability = 0.0
    rebuilt: Annotated[float, Field(gt=0, le=1)] = 1.0
    reconstructions: dict[str, Reconstruction] = {}

    def corruption_of(self, layer: int) -> float:
        """Return the masking noise of a layer's inputs, 0 the lowest; in [0, 1)."""
        each = [self.corruption, *self.corruption_above]
        return each[min(layer, len(each) - 1)]


class Finetune(Schedule):
    """Supervised training of the whole network."""


class Compare(Section):
    """Confidence of the intervals, and significance of the paired tests; fractions."""

    confidence: Share
    significance: Share


class Activation(Section):
    """One arm's hidden unit, and what the paper ties to it.

    `layers` is how many of the dataset's hidden layers the arm's networks have, the lowest ones;
    None for all, 0 for a softmax on the inputs.
    """

    function: str
    layers: Annotated[int, Field(ge=0)] | None = None
    hardness: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    pieces: Count = 1  # of a maxout unit
    l1: Penalty
    half_negated: bool
    reconstruction: Reconstruction


class Network(Section):
    """Widths of the hidden layers, from the input up."""

    hidden: Annotated[list[Count], Field(min_length=1)]


class Dataset(Section):
    """One dataset: what `download` and `preprocess` have to know, in the forms of the catalogue's
    entry, its network, and its departures from the default schedules."""

    source: dict[str, Any]
    preprocess: dict[str, Any]
    network: Network
    pretrain: dict[str, Any]
    finetune: dict[str, Any]
    sweep: dict[str, Any] = {}


class Params(Section):
    """The whole of params.yaml; `experiments` in the forms of the catalogue of experiments."""

    run: Run
    pretrain: Pretrain
    finetune: Finetune
    sweep: Sweep
    experiments: dict[str, dict[str, Any]]
    compare: Compare
    activations: dict[str, Activation]
    datasets: dict[str, Dataset]

    def activation(self, name: str) -> Activation:
        """Return the block of an activation. Raises Problem that lists the known ones."""
        return _block(self.activations, name, "activation")

    def unit_for(self, dataset: str, activation: str) -> Activation:
        """Return an activation as a dataset has it: with the reconstruction that it asks for."""
        unit = self.activation(activation)
        asked = self.pretrain_for(dataset).reconstructions.get(activation, unit.reconstruction)
        return unit.model_copy(update={"reconstruction": asked})

    def hidden_for(self, dataset: str, activation: str) -> list[int]:
        """Return the widths of the hidden layers of an arm's networks, from the input up."""
        return self.dataset(dataset).network.hidden[: self.activation(activation).layers]

    def dataset(self, name: str) -> Dataset:
        """Return the block of a dataset. Raises Problem that lists the known ones."""
        return _block(self.datasets, name, "dataset")

    def source_for(self, dataset: str, form: type[SectionType]) -> SectionType:
        """Return what `download` has to know of a dataset, in the form of its entry."""
        return _checked(form, self.dataset(dataset).source, f"datasets.{dataset}.source")

    def preprocess_for(self, dataset: str, form: type[SectionType]) -> SectionType:
        """Return how a dataset's raw files become splits, in the form of its entry."""
        return _checked(form, self.dataset(dataset).preprocess, f"datasets.{dataset}.preprocess")

    def pretrain_for(self, dataset: str) -> Pretrain:
        """Return the pre-training schedule with the dataset's overrides."""
        return self._overridden(self.pretrain, dataset, "pretrain")

    def finetune_for(self, dataset: str) -> Finetune:
        """Return the fine-tuning schedule with the dataset's overrides."""
        return self._overridden(self.finetune, dataset, "finetune")

    def sweep_for(self, dataset: str) -> Sweep:
        """Return what all experiments have in common, with the dataset's overrides."""
        return self._overridden(self.sweep, dataset, "sweep")

    def experiment_for(self, name: str, form: type[SectionType]) -> SectionType:
        """Return the block of an experiment, in its form."""
        if name not in self.experiments:
            raise Problem(f"params.yaml: experiments.{name} is missing: add it")
        return _checked(form, self.experiments[name], f"experiments.{name}")

    def _overridden(self, default: SectionType, dataset: str, key: str) -> SectionType:
        changes = getattr(self.dataset(dataset), key)
        return _checked(type(default), default.model_dump() | changes, f"datasets.{dataset}.{key}")


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml. Raises Problem naming the full path of the first bad key."""
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text())
    except FileNotFoundError as error:
        raise Problem(f"{path} is missing: run from the repository's root") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise Problem(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    params = _checked(Params, content, "")
    _check_run(params)
    return params


def _checked(model: type[SectionType], content: Any, where: str) -> SectionType:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Problem(f"params.yaml: {_first_fault(error, where)}") from error


def _first_fault(error: ValidationError, where: str) -> str:
    fault = error.errors()[0]
    key = where
    for part in fault["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    key = key.lstrip(".") or "the whole file"
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a known key: remove it or correct its name"
    if fault["type"] == "missing":
        return f"{key} is missing: add it"
    message = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{key} = {fault['input']!r} is wrong: {message}"


def _check_run(params: Params) -> None:
    for name in params.run.datasets:
        params.pretrain_for(name)
        params.finetune_for(name)
        params.sweep_for(name)
    for name in params.run.activations:
        params.activation(name)
    for key in ("datasets", "activations", "initializations", "experiments", "probes"):
        repeated = [name for name, n in Counter(getattr(params.run, key)).items() if n > 1]
        if repeated:
            raise Problem(f"params.yaml: run.{key} lists {repeated[0]} twice: list it once")


def _block(blocks: dict[str, SectionType], name: str, kind: str) -> SectionType:
    if name not in blocks:
        raise Problem(f"unknown {kind} {name!r}: params.yaml has {', '.join(blocks)}")
    return blocks[name]
