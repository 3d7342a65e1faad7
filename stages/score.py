"""Read the test split, once, for the chosen networks of an experiment."""

from pathlib import Path

from stages.arguments import DatasetName, ExperimentName
from stages.shell import run


def main(dataset: DatasetName, experiment: ExperimentName) -> None:
    """Score an experiment's chosen networks on the test split, as a table of one row a network.

    Nothing is chosen here.
    """
    from pipeline import device, networks, params, records
    from pipeline.analysis import comparison
    from pipeline.datasets.repeats import read_for
    from pipeline.experiments import scoring
    from pipeline.tracking import conditions
    from stages.track import tracking_uri

    folder = Path("runs/experiments", dataset, experiment)
    device.prepare_for_training()
    where = device.choose()
    about = records.read_json(folder / "about.json")
    names = about["conditions"]
    stacks = {name: networks.load(folder / name / "weights.safetensors") for name in names}
    seeds = range(max(map(len, stacks.values())))
    test = read_for(Path("data/ready", dataset, "test.npz"), seeds).to(where)
    rows = [
        row
        for name in names
        for row in scoring.rows(
            stacks[name], records.read_lines(folder / name / "records.jsonl"), test
        )
    ]
    table = comparison.as_csv([*about["factors"], *scoring.COLUMNS], rows)
    records.write_bytes(Path("claims", dataset, "records", f"{experiment}.csv"), table)
    told = conditions.read(dataset, experiment, params.load().compare.confidence)
    conditions.publish_or_warn(told, uri=tracking_uri())


if __name__ == "__main__":
    run(main)
