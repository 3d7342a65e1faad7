"""A finished arm: its settings and records, as the stages left them on disk."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.analysis import comparison
from pipeline.analysis.comparison import Outcome
from pipeline.analysis.results import read_card
from pipeline.config.arms import Arm
from pipeline.config.params import Params
from pipeline.evaluation import prediction
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record


@dataclass(frozen=True)
class FinishedArm:
    """An arm, the settings it was made with, and its records: scores by seed, both phases.

    The settings are those of its records, not of params.yaml, which may have changed since. `card`
    is the dataset's, None where preprocess left none.
    """

    arm: Arm
    about: Record
    confidence: float  # of the interval over seeds
    activations: list[str]  # of params.yaml: their order gives them their colors
    scores: list[Record]
    trained: list[Record]
    pretrained: list[Record]
    card: Record | None = None

    @property
    def outcome(self) -> Outcome:
        """The scores, in the form that the comparison of arms takes."""
        return Outcome(self.arm, self.scores)

    @property
    def best(self) -> Record | None:
        """The fine-tuning record of the best seed: the lowest validation error, then cost.

        None if the arm failed. The test split decides nothing.
        """
        return None if self.outcome.failed else prediction.best(self.trained)

    @cached_property
    def chosen(self) -> dict[int, Record]:
        """The fine-tuning record of each seed's chosen network, by seed."""
        return {line["seed"]: line for line in self.trained if line["chosen"]}

    @cached_property
    def curves(self) -> dict[str, Any] | None:
        """The mean curves of its seeds, as the report draws them; None if the arm failed."""
        key = self.arm.key
        arms: dict[str, dict[str, Any] | None] = comparison.curves(
            [self.outcome], {key: self.trained}
        )["arms"]
        return arms[key]


def finished(arm: Arm, settings: Params) -> bool:
    """Return whether an arm has the scores of all its seeds."""
    path = arm.scores / "records.jsonl"
    return path.exists() and len(storage.read_lines(path)) == settings.run.seeds


def read(arm: Arm, settings: Params) -> FinishedArm:
    """Read an arm's records. Raises Problem where it is not finished."""
    if not finished(arm, settings):
        raise Problem(f"{arm.name} is not finished: run `dvc repro`")
    scores = storage.read_lines(arm.scores / "records.jsonl")
    return FinishedArm(
        arm,
        storage.read_json(arm.scores / "about.json"),
        settings.compare.confidence,
        list(settings.activations),
        scores=sorted(scores, key=lambda line: int(line["seed"])),
        trained=storage.read_lines(arm.networks / "records.jsonl"),
        pretrained=storage.read_lines(arm.start / "records.jsonl"),
        card=read_card(Path("results", arm.dataset), figures=False)[0],
    )
