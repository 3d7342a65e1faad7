"""params.yaml as frozen, validated objects. No other module reads params.yaml."""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, Node

from pipeline.runtime.errors import Problem

NAME = re.compile(r"(?!-)[\w-]+")
LONGEST_NAME = 100  # bytes in UTF-8; file names have at most 255
LARGEST = 1 << 18  # bytes of params.yaml
SHOWN = 100  # characters of a value in an error message
MOST_VALUES = 100_000  # values of params.yaml, those of aliases counted at every use


def checked_name(name: str) -> str:
    """Return a name that is safe in paths, in commands and in DVC's stage names and parameters.

    Raises ValueError for another one; DVC takes a dot for a step into a block.
    """
    if not NAME.fullmatch(name) or len(name.encode()) > LONGEST_NAME:
        raise ValueError(
            "names have letters, digits, '_' and '-' (no dot), at most 100 bytes, and do not begin "
            "with '-': rename it"
        )
    return name


Name = Annotated[str, AfterValidator(checked_name)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Penalty = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Initialization = Literal["random", "pretrained"]
PAPER_IMAGES = 81_920_000  # training images of NISTP (section 4.1): 100 files of 819,200
Names = Annotated[list[Name], Field(min_length=1)]


class Section(BaseModel):
    """Block of params.yaml: immutable; unknown keys and values of other types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


SectionType = TypeVar("SectionType", bound=Section)


class Run(Section):
    """Arms, seeds, experiments and probes of a run.

    The arms are the product of `datasets`, `activations` and `initializations`, each trained with
    `seeds` seeds. The claims need `experiments`, which train further networks, and `probes`, which
    measure the arms' networks.
    """

    datasets: Names
    activations: Names
    initializations: Annotated[list[Initialization], Field(min_length=1)]
    seeds: Count
    experiments: Names
    probes: Names


class Sweep(Section):
    """Seeds and learning rates that the conditions of all experiments share."""

    seeds: Annotated[int, Field(ge=2)]
    learning_rates: Annotated[list[Rate], Field(min_length=1)]


class Schedule(Section):
    """Learning rates and stopping rule of a training phase."""

    learning_rates: Annotated[list[Rate], Field(min_length=1)]
    batch_size: Count
    epochs: Count
    patience: Count
    images: Count | Literal["paper"] | None = None  # of a generated dataset, over all epochs

    @property
    def epoch_images(self) -> int | None:
        """New images per epoch; None where an epoch is a pass over the training split."""
        if self.images is None:
            return None
        return (PAPER_IMAGES if self.images == "paper" else self.images) // self.epochs


Probability = Annotated[float, Field(ge=0, lt=1)]
Reconstruction = Literal["softplus", "scaled", "linear", "rectifier", "sigmoid"]


class Pretrain(Schedule):
    """Greedy denoising auto-encoders (paper, section 3.2).

    `corruption` is the probability that masking noise clears an input, in [0, 1), for every layer.
    With `corruption_above` it is for the first layer alone: the list has the layers above, lowest
    first, and its last value also serves all further layers. For texts, `salt` is the probability
    that a zero is turned on, and `rebuilt` the share of the terms reconstructed at each step, in
    (0, 1]. `reconstructions` replaces the reconstruction function of some activations.
    """

    corruption: Probability
    corruption_above: list[Probability] = []
    tied: bool
    salt: Probability = 0.0
    rebuilt: Annotated[float, Field(gt=0, le=1)] = 1.0
    reconstructions: dict[str, Reconstruction] = {}

    def corruption_of(self, layer: int) -> float:
        """Return the masking probability of a layer's inputs, in [0, 1); layer 0 is the lowest."""
        by_layer = [self.corruption, *self.corruption_above]
        return by_layer[min(layer, len(by_layer) - 1)]


class Finetune(Schedule):
    """Schedule of the supervised training of the whole network."""


class Compare(Section):
    """Confidence of the intervals and significance of the paired tests, in (0, 1)."""

    confidence: Share
    significance: Share


class Activation(Section):
    """Hidden unit of an arm, with the settings that the paper ties to it.

    `layers` counts the hidden layers of the arm's networks, the lowest ones of the dataset's; None
    for all, 0 for a softmax on the inputs.
    """

    function: str
    layers: Annotated[int, Field(ge=0)] | None = None
    hardness: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    pieces: Count = 1  # of a maxout unit
    l1: Penalty
    half_negated: bool
    reconstruction: Reconstruction


class Network(Section):
    """Units of each hidden layer, from the input up."""

    hidden: Annotated[list[Count], Field(min_length=1)]


class Dataset(Section):
    """Settings of one dataset.

    `source` and `preprocess` are checked against the schemas of the dataset's entry in the
    catalogue. `pretrain`, `finetune` and `sweep` override the default schedules.
    """

    source: dict[str, Any]
    preprocess: dict[str, Any]
    network: Network
    pretrain: dict[str, Any]
    finetune: dict[str, Any]
    sweep: dict[str, Any] = {}


class Params(Section):
    """Content of params.yaml; experiments' blocks are checked against their own schemas."""

    run: Run
    pretrain: Pretrain
    finetune: Finetune
    sweep: Sweep
    experiments: dict[Name, dict[str, Any]]
    compare: Compare
    activations: dict[Name, Activation]
    datasets: dict[Name, Dataset]

    def activation(self, name: str) -> Activation:
        """Return the block of an activation. Raises Problem for an unknown name."""
        return _block(self.activations, name, "activation")

    def unit_for(self, dataset: str, activation: str) -> Activation:
        """Return the block of an activation, with the reconstruction that the dataset sets."""
        unit = self.activation(activation)
        name = self.pretrain_for(dataset).reconstructions.get(activation, unit.reconstruction)
        return unit.model_copy(update={"reconstruction": name})

    def hidden_for(self, dataset: str, activation: str) -> list[int]:
        """Return the units of each hidden layer of an arm's networks, from the input up."""
        return self.dataset(dataset).network.hidden[: self.activation(activation).layers]

    def dataset(self, name: str) -> Dataset:
        """Return the block of a dataset. Raises Problem for an unknown name."""
        return _block(self.datasets, name, "dataset")

    def source_for(self, dataset: str, schema: type[SectionType]) -> SectionType:
        """Return the `source` block of a dataset, checked against `schema`."""
        return _checked(schema, self.dataset(dataset).source, f"datasets.{dataset}.source")

    def preprocess_for(self, dataset: str, schema: type[SectionType]) -> SectionType:
        """Return the `preprocess` block of a dataset, checked against `schema`."""
        return _checked(schema, self.dataset(dataset).preprocess, f"datasets.{dataset}.preprocess")

    def pretrain_for(self, dataset: str) -> Pretrain:
        """Return the pre-training schedule with the dataset's overrides."""
        return self._overridden(self.pretrain, dataset, "pretrain")

    def finetune_for(self, dataset: str) -> Finetune:
        """Return the fine-tuning schedule with the dataset's overrides."""
        return self._overridden(self.finetune, dataset, "finetune")

    def sweep_for(self, dataset: str) -> Sweep:
        """Return the settings that all experiments share, with the dataset's overrides."""
        return self._overridden(self.sweep, dataset, "sweep")

    def experiment_for(self, name: str, schema: type[SectionType]) -> SectionType:
        """Return the block of an experiment, checked against `schema`."""
        if name not in self.experiments:
            raise Problem(f"params.yaml: experiments.{name} is missing: add it")
        return _checked(schema, self.experiments[name], f"experiments.{name}")

    def _overridden(self, default: SectionType, dataset: str, key: str) -> SectionType:
        changes = getattr(self.dataset(dataset), key)
        return _checked(type(default), default.model_dump() | changes, f"datasets.{dataset}.{key}")


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml. Raises Problem with the full path of the first wrong key."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise Problem(f"{path} is missing: run from the repository's root") from error
    if len(content) > LARGEST:
        raise Problem(f"{path} has more than {LARGEST:,} bytes: shorten it")
    try:
        params = _checked(Params, _parsed(content.decode("utf-8-sig")), "")
    except UnicodeDecodeError as error:
        raise Problem(f"{path} is not UTF-8 ({error.reason}): save it as UTF-8") from error
    except YAML_FAULTS as error:
        raise Problem(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    _check_run(params)
    return params


# Beside its own exceptions, the YAML library passes on those of Python's conversions.
YAML_FAULTS = (YAMLError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError)


def _parsed(text: str) -> Any:
    """Return the content of a YAML document. Raises one of YAML_FAULTS."""
    yaml = YAML(typ="safe", pure=True)
    node = yaml.compose(text)
    if node is not None and _values(node, {}) > MOST_VALUES:
        raise ValueError(f"its aliases expand to more than {MOST_VALUES:,} values")
    return None if node is None else yaml.constructor.construct_document(node)


def _values(node: Node, known: dict[int, int | None]) -> int:
    """Return the number of values of a node, those of aliases counted at every use."""
    if id(node) not in known:
        known[id(node)] = None
        children = node.value if isinstance(node, CollectionNode) else []
        flat = [
            part for child in children for part in ((child,) if isinstance(child, Node) else child)
        ]
        known[id(node)] = 1 + sum(_values(child, known) for child in flat)
    count = known[id(node)]
    if count is None:
        raise ValueError("an alias refers to the value that contains it")
    return count


def _checked(model: type[SectionType], content: Any, where: str) -> SectionType:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise Problem(f"params.yaml: {_first_fault(error, where)}") from error


def _first_fault(error: ValidationError, where: str) -> str:
    fault = error.errors()[0]
    key = where
    for part in fault["loc"]:
        if part != "[key]":  # pydantic's mark of a fault in a key
            key += f"[{part}]" if isinstance(part, int) else f".{part}"
    key = key.lstrip(".") or "the whole file"
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a known key: remove it or correct its name"
    if fault["type"] == "missing":
        return f"{key} is missing: add it"
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    try:
        value = repr(fault["input"])[:SHOWN]
    except ValueError:  # Python writes out no number of more than 4,300 digits
        value = "a very large number"
    return f"{key} = {value} is wrong: {message}"


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
