"""Test scores of a dataset's arms: the chosen network of each seed on the test split, once."""

from pathlib import Path
from typing import Annotated

import typer

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run

Activation = Annotated[str | None, typer.Argument(help="one activation; default: run.activations")]
Initialization = Annotated[
    str | None, typer.Argument(help="one of run.initializations; default: all")
]


def main(
    dataset: DatasetName, activation: Activation = None, initialization: Initialization = None
) -> str:
    """Score the selected network of each seed on the test split, for all arms or one.

    Apart from the baselines, no other stage of the arms reads the test split. Selects nothing.
    """
    from pipeline.config import arms, params
    from pipeline.evaluation import scoring
    from pipeline.runtime import device
    from pipeline.training import hidden_units

    settings = params.load()
    activations = [activation] if activation else settings.run.activations
    initializations = [initialization] if initialization else settings.run.initializations
    chosen = [
        arms.arm_of(settings, dataset, one, start)
        for one in activations
        for start in initializations
    ]
    for one in activations:
        hidden_units.check(settings, one)
    device.prepare_for_training()
    scores = [scoring.score(arm) for arm in chosen]
    if activation and initialization:
        names = (dataset, activation, initialization)
        made = last_line.mean(scores[0], "test", len(scores[0]), settings.compare.confidence)
        return last_line.line("evaluate", *names, made=made, place=chosen[0].scores)
    made = f"{last_line.count(len(chosen), 'arm')} scored on the test split"
    return last_line.line("evaluate", dataset, made=made, place=Path("runs/scores", dataset))


if __name__ == "__main__":
    run(main)
