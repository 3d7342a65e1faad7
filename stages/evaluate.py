"""Read the test split, once, for an arm's chosen networks."""

from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run


def main(
    dataset: DatasetName, activation: ActivationName, initialization: InitializationName
) -> None:
    """Score an arm's chosen networks, one a seed, on the test split, and send the arm to MLflow.

    Nothing is chosen here: this is the one stage that reads the test split.
    """
    from pipeline import arms, device, evaluation, networks, params, records
    from pipeline.datasets.repeats import read_for
    from pipeline.locks import only_here
    from pipeline.tracking import publishing
    from stages.track import tracking_uri

    settings = params.load()
    arm = arms.arm_of(settings, dataset, activation, initialization)
    device.prepare_for_training()
    with only_here(arm.scores), records.whole_folder(arm.scores) as out:
        stack = networks.load(arm.networks / "weights.safetensors")
        lines = evaluation.evaluate(
            arm,
            stack,
            read_for(arm.ready / "test.npz", range(len(stack))),
            trained=records.read_lines(arm.networks / "records.jsonl"),
            pretrained=records.read_lines(arm.start / "records.jsonl"),
        )
        records.write_lines(out / "records.jsonl", lines)
        parts = [records.read_json(path / "about.json") for path in (arm.start, arm.networks)]
        records.write_json(out / "about.json", parts[0] | parts[1])
    publishing.publish_or_warn(arm, settings, uri=tracking_uri())


if __name__ == "__main__":
    run(main)
