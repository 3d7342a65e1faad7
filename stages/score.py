"""Score the chosen networks of an experiment on the test split, once."""

from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName, ExperimentName
from stages.shell import run


def main(dataset: DatasetName, experiment: ExperimentName) -> str:
    """Write `claims/<dataset>/records/<experiment>.csv`: one row for each chosen network.

    Nothing is selected on the test split.
    """
    path, networks = score(dataset, experiment)
    made = last_line.count(networks, "network") + " scored on the test split"
    return last_line.line("score", dataset, experiment, made=made, place=path)


def score(dataset: str, experiment: str) -> tuple[Path, int]:
    """Write the table of an experiment's networks; return its path and number of networks."""
    from pipeline.data.splits.per_seed import read_for
    from pipeline.experiments.conditions import scoring
    from pipeline.networks import population
    from pipeline.runtime import csv_files, device, storage

    folder = Path("runs/experiments", dataset, experiment)
    device.prepare_for_training()
    where = device.choose()
    about = storage.read_json(folder / "about.json")
    names = about["conditions"]
    stacks = {name: population.load(folder / name / "weights.safetensors") for name in names}
    seeds = range(max(map(len, stacks.values())))
    test = read_for(Path("data/ready", dataset, "test.npz"), seeds).to(where)
    rows = [
        row
        for name in names
        for row in scoring.rows(
            stacks[name], storage.read_lines(folder / name / "records.jsonl"), test
        )
    ]
    columns = [*about["factors"], *scoring.COLUMNS, *about.get("columns", [])]
    table = csv_files.as_csv(columns, rows)
    path = Path("claims", dataset, "records", f"{experiment}.csv")
    storage.write_bytes(path, table)
    return path, len(rows)


if __name__ == "__main__":
    run(main)
