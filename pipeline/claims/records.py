"""Records that claims are judged on, read from the tables on disk."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.analysis.results import Row, read_table
from pipeline.claims.catalogue import RECORDS
from pipeline.claims.groups import ARMS, Group
from pipeline.claims.ratings import RATINGS
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem


def read_rows(path: Path) -> list[Row]:
    """Read the table of an experiment or probe. Raises Problem where it is absent or broken."""
    known = RECORDS.get(path.stem)
    return read_table(path, known.words, known.lists) if known else read_table(path)


def read(dataset: str) -> dict[str, Mapping[str, Group]]:
    """Return the groups of networks by name of table: arms, experiments, probes and times.

    They come from `results/<dataset>/runs.csv`, `claims/<dataset>/records/` and
    `results/cost.json`; a table that is absent, or has no claims, is left out. Raises Problem for
    an arm that lacks runs.
    """
    records: dict[str, Mapping[str, Group]] = {}
    if Path("results", dataset, "runs.csv").exists():
        records |= _arms(dataset)
    for path in sorted(Path("claims", dataset).glob("records/*.csv")):
        if path.stem in RECORDS:
            records[path.stem] = RECORDS[path.stem].groups(read_rows(path))
    if (cost := Path("results/cost.json")).exists():
        for device, times in storage.read_json(cost).items():
            records[f"cost on {device}"] = RECORDS[f"cost on {device}"].groups(times)
    return records


def _arms(dataset: str) -> dict[str, Mapping[str, Group]]:
    runs = Path("results", dataset, "runs.csv")
    protocol = storage.read_json(runs.with_name("protocol.json"))
    examples = {"test_examples": protocol["test_examples"]}
    arms = ARMS.groups([row | examples for row in read_table(runs)])
    for key, arm in arms.items():
        if len(arm.rows) != protocol["seeds"]:
            raise Problem(
                f"{runs} has {len(arm.rows)} of {protocol['seeds']} runs of {key}:"
                f" run `python -m stages.compare {dataset}`"
            )
    names = [ARMS.name, RATINGS.name] if protocol.get("measure") == "rmse" else [ARMS.name]
    return dict.fromkeys(names, arms)
