"""Arms of the comparison: their names, and the folders of their files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pipeline.config.params import Initialization, Params
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

INITIALIZATIONS = get_args(Initialization)
ARM_FILES = {"weights.safetensors", "records.jsonl", "about.json", storage.HASHES}
CHECKPOINTS = re.compile(r"[0-9a-f]{16}")  # names of the folders of checkpoints


@dataclass(frozen=True)
class Arm:
    """One combination of dataset, activation and initialization; folders are relative paths."""

    dataset: str
    activation: str
    initialization: str

    @property
    def name(self) -> str:
        """Name of the arm in text, e.g. `digits / rectifier / random`."""
        return f"{self.dataset} / {self.activation} / {self.initialization}"

    @property
    def key(self) -> str:
        """Name of the arm in files and metrics of its dataset, e.g. `rectifier-random`."""
        return f"{self.activation}-{self.initialization}"

    @property
    def ready(self) -> Path:
        """Folder of the dataset's splits, written by preprocess."""
        return Path("data/ready", self.dataset)

    @property
    def start(self) -> Path:
        """Folder of the initial networks, one per seed, written by pretrain."""
        return Path("runs/start", self.dataset, self.key)

    @property
    def networks(self) -> Path:
        """Folder of the selected trained networks, one per seed, written by finetune."""
        return Path("runs/networks", self.dataset, self.key)

    @property
    def scores(self) -> Path:
        """Folder of the test scores, one record per seed, written by evaluate."""
        return Path("runs/scores", self.dataset, self.key)


def arms_of(params: Params, dataset: str) -> list[Arm]:
    """Return the arms of one dataset, in the order of params.yaml."""
    return [
        Arm(dataset, activation, initialization)
        for activation in params.run.activations
        for initialization in params.run.initializations
    ]


def arm_of(params: Params, dataset: str, activation: str, initialization: str) -> Arm:
    """Return an arm by its names. Raises Problem for a name that params.yaml does not have."""
    params.dataset(dataset)
    params.activation(activation)
    if initialization not in INITIALIZATIONS:
        known = ", ".join(INITIALIZATIONS)
        raise Problem(f"unknown initialization {initialization!r}: use one of {known}")
    return Arm(dataset, activation, initialization)


def spoken(key: str) -> str:
    """Return the name of an arm in a sentence, from its key; any other text as it is.

    >>> spoken("tanh-pretrained"), spoken("maxout networks")
    ('pre-trained tanh', 'maxout networks')
    """
    activation, _, initialization = key.rpartition("-")
    if initialization not in INITIALIZATIONS:
        return key
    start = "pre-trained" if initialization == "pretrained" else initialization
    return f"{start} {activation}"


def stale_folders(params: Params, root: Path = Path()) -> list[Path]:
    """Return the folders under `runs/` of arms that params.yaml does not list, and all checkpoints.

    Folders with files that no stage writes are left out. A stage that is running has checkpoints
    too: call this only while no stage runs.
    """
    arms = [arm for dataset in params.run.datasets for arm in arms_of(params, dataset)]
    owned = {root / path for arm in arms for path in (arm.start, arm.networks, arm.scores)}
    written = [
        path
        for kind in ("start", "networks", "scores")
        for path in root.glob(f"runs/{kind}/*/*")
        if path.is_dir() and not storage.foreign_files(path, ARM_FILES)
    ]
    checkpoints = [
        path for path in root.glob("runs/checkpoints/*") if CHECKPOINTS.fullmatch(path.name)
    ]
    return sorted({*written} - owned) + sorted(checkpoints)
