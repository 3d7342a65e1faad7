"""Recomputation of a dataset's results from their inputs, by the functions of the stages."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stages import baseline, compare, judge, probe, score

if TYPE_CHECKING:
    from pipeline.analysis.comparison import Outcome
    from pipeline.config.arms import Arm
    from pipeline.config.params import Compare

SPLITS = ("train", "valid", "test")
TABLES = ("table.csv", "tests.csv", "metrics.json", "errors.json")
COMPARED = ("runs.csv", "protocol.json", "curves.json", "filters.npz")


@dataclass(frozen=True)
class Derivation:
    """Outputs that a call makes from inputs, all relative paths; `measured`: networks run again."""

    outputs: Sequence[Path]
    inputs: Sequence[Path]
    call: Callable[[], object]
    measured: bool = True


def of_dataset(
    name: str, results: "Sequence[Outcome]", settings: "Compare"
) -> Iterator[Derivation]:
    """Yield the derivations of a dataset, with the arms and settings of its recorded results."""
    from pipeline.evaluation import scoring
    from pipeline.experiments.conditions import catalogue

    ready, out, claims = (Path(folder, name) for folder in ("data/ready", "results", "claims"))
    train, valid, test = (ready / f"{split}.npz" for split in SPLITS)
    runs, protocol = out / "runs.csv", out / "protocol.json"
    arms = [outcome.arm for outcome in results]
    trained = [path for arm in arms for path in (arm.networks, arm.scores)]
    for arm in arms:
        records = [arm.scores / "records.jsonl"]
        yield Derivation(records, [test, arm.start, arm.networks], partial(scoring.score, arm))
    inputs, tables = [*trained, valid], [out / file for file in TABLES]
    compared = [out / file for file in COMPARED]
    if not all(path.exists() for path in inputs):  # the tables follow from the runs too
        write = partial(compare.write_tables, out, results, settings)
        yield Derivation(tables, [runs], write, measured=False)
        tables = []
    yield Derivation([*tables, *compared], inputs, partial(compare.main, name), measured=False)
    baselines = [out / "baselines.csv"]
    yield Derivation(baselines, [train, valid, test], partial(baseline.main, name))
    for table in sorted(claims.glob("records/*.csv")):
        if table.stem in catalogue.names():
            inputs = [test, Path("runs/experiments", name, table.stem)]
            yield Derivation([table], inputs, partial(score.score, name, table.stem))
        else:
            inputs = [train, valid, test, *trained]
            yield Derivation([table], inputs, partial(probe.main, name, table.stem))
    inputs = [runs, protocol, *filter(Path.exists, [Path("results/cost.json"), claims / "records"])]
    yield Derivation([claims / "claims.csv"], inputs, partial(judge.main, name), measured=False)


def networks(dataset: str, arms: "Sequence[Arm]") -> list[Path]:
    """Return the files and folders that networks and their records are in, with the splits."""
    splits = (Path("data/ready", dataset, f"{split}.npz") for split in SPLITS)
    folders = (path for arm in arms for path in (arm.start, arm.networks))
    experiments = sorted(Path("runs/experiments", dataset).glob("*"))
    return [*splits, *folders, Path("runs/scores", dataset), *experiments]
