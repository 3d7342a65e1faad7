"""Measure properties of the arms' trained networks."""

from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName, ProbeName
from stages.shell import run


def main(dataset: DatasetName, probe: ProbeName) -> str:
    """Write `claims/<dataset>/records/<probe>.csv` from the chosen networks of all arms."""
    from pipeline.config import arms, params
    from pipeline.data.splits import examples
    from pipeline.networks import population
    from pipeline.probes import catalogue
    from pipeline.probes.catalogue import Splits, Trained
    from pipeline.runtime import csv_files, device, storage
    from pipeline.training.minibatches import REFERENCE_IMAGES, reference

    catalogue.probe(probe)
    device.prepare_for_training()
    train, valid, test = (
        examples.read(Path("data/ready", dataset, f"{split}.npz"))
        for split in ("train", "valid", "test")
    )
    trained = []
    for arm in arms.arms_of(params.load(), dataset):
        scores = storage.read_lines(arm.scores / "records.jsonl")
        seeds = sorted(line["seed"] for line in scores if line["test_error"] is not None)
        if seeds:
            stack = population.load(arm.networks / "weights.safetensors", seeds)
            trained.append(Trained(arm, stack, seeds))
    seen = reference(dataset, train, REFERENCE_IMAGES).of(0)  # one for all seeds
    columns, rows = catalogue.rows(probe, trained, Splits(dataset, seen, valid, test))
    path = Path("claims", dataset, "records", f"{probe}.csv")
    storage.write_bytes(path, csv_files.as_csv(columns, rows))
    return last_line.line(
        "probe", dataset, probe, made=last_line.count(len(rows), "row"), place=path
    )


if __name__ == "__main__":
    run(main)
