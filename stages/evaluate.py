"""Test scores of an arm: the chosen network of each seed on the test split, once."""

from typing import TYPE_CHECKING

from stages import last_line
from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run

if TYPE_CHECKING:
    from pipeline.config.arms import Arm
    from pipeline.runtime.storage import Record


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> str:
    """Score the chosen network of each seed on the test split, and publish the arm to MLflow.

    No other stage of the arms reads the test split; nothing is chosen here.
    """
    from pipeline.config import arms, params
    from pipeline.tracking import arms as arm_runs
    from pipeline.tracking import runs
    from pipeline.training import hidden_units
    from stages.tracking import tracking_uri

    settings, names = params.load(), (dataset, activation, initialization)
    arm = arms.arm_of(settings, *names)
    hidden_units.check(settings, activation)
    records = score(arm)
    runs.publish_or_warn(arm.name, lambda: arm_runs.read(arm, settings), uri=tracking_uri())
    made = last_line.mean(records, "test", len(records), settings.compare.confidence)
    return last_line.line("evaluate", *names, made=made, place=arm.scores)


def score(arm: "Arm") -> "list[Record]":
    """Write the folder of an arm's scores; return its records, one a seed."""
    from pipeline.data.splits.per_seed import read_for
    from pipeline.evaluation import scoring
    from pipeline.networks import population
    from pipeline.runtime import device, storage
    from pipeline.runtime.locks import exclusive

    device.prepare_for_training()
    with exclusive(arm.scores), storage.whole_folder(arm.scores, hashes=True) as out:
        stack = population.load(arm.networks / "weights.safetensors")
        lines = scoring.evaluate(
            arm,
            stack,
            read_for(arm.ready / "test.npz", range(len(stack))),
            trained=storage.read_lines(arm.networks / "records.jsonl"),
            pretrained=storage.read_lines(arm.start / "records.jsonl"),
        )
        storage.write_lines(out / "records.jsonl", lines)
        parts = [storage.read_json(path / "about.json") for path in (arm.start, arm.networks)]
        storage.write_json(out / "about.json", parts[0] | parts[1])
    return lines


if __name__ == "__main__":
    run(main)
