"""Settings of every experiment's conditions, resolved from params.yaml."""

from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> str:
    """Write `runs/conditions/<dataset>/<experiment>.json` for each experiment of `run.experiments`.

    Of params.yaml, the stage `sweep` depends on this file alone: a change of an activation or block
    that the experiment does not use trains nothing again.
    """
    from pydantic_core import to_jsonable_python

    from pipeline.config import params
    from pipeline.data.splits import examples
    from pipeline.experiments.conditions import catalogue
    from pipeline.runtime import storage

    settings = params.load()
    settings.dataset(dataset)
    encoding = examples.read_encoding(Path("data/ready", dataset, "train.npz"))
    folder = Path("runs/conditions", dataset)
    for experiment in settings.run.experiments:
        conditions = catalogue.conditions_of(experiment, dataset, settings, encoding)
        storage.write_json(folder / f"{experiment}.json", to_jsonable_python(conditions))
    made = f"settings of {last_line.count(len(settings.run.experiments), 'experiment')}"
    return last_line.line("conditions", dataset, made=made, place=folder)


if __name__ == "__main__":
    run(main)
