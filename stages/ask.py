"""Comparison of activations on a user's data, with a recommendation."""

import os
from contextlib import chdir
from pathlib import Path
from typing import Annotated, Literal

import typer

from stages import dvc_runs
from stages.shell import run
from stages.tracking import tracking_uri

Data = Annotated[str, typer.Argument(help="a file, a folder of images, or a dataset's name")]
Label = Annotated[str | None, typer.Option(help="column or array that holds the classes")]
Activations = Annotated[
    str | None, typer.Option(help="activations to compare, e.g. rectifier,tanh,gelu")
]
Starts = Annotated[str | None, typer.Option(help="starting networks: random, or random,pretrained")]
Budget = Annotated[str, typer.Option(help="training time, e.g. 90s, 20m or 2h")]
Margin = Annotated[
    float | None, typer.Option(help="equivalence margin, in points of test error; default 0.5")
]
Scaling = Annotated[
    Literal["standardized", "range"] | None, typer.Option(help="scaling of numeric inputs")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--set", help="option of preprocess for own data, e.g. --set background=black"),
]
Named = Annotated[str | None, typer.Option("--name", help="name of the question's folder")]


def main(
    data: Data,
    label: Label = None,
    activations: Activations = None,
    initializations: Starts = None,
    budget: Budget = "2m",
    margin: Margin = None,
    scaling: Scaling = None,
    options: Options = None,
    name: Named = None,
) -> None:
    """Compare activations on your data; recommend one, with confidence intervals.

    Reads .csv, .tsv, .npz and .jsonl files and folders of images. Writes a separate project,
    `questions/<name>`. Trains more seeds until the budget ends or all pairs are decided.
    """
    from pipeline.config import params
    from pipeline.questions import asking, cost, workspace
    from stages import baseline, compare, report, table_hashes, track

    root, base, seconds = Path.cwd(), params.load(), cost.seconds_of(budget)
    data = workspace.normalized(data, base)
    folder = workspace.folder_of(data, base, name)
    given = {
        **{"data": data, "label": label, "margin": margin, "scaling": scaling},
        "preprocess": workspace.options_of(options) if options else None,
    }
    arms = {"activations": activations, "initializations": initializations}
    question = workspace.question_of(folder, base, given, arms)
    block, what = workspace.dataset_of(question, base, folder)
    workspace.furnish(folder)
    os.environ["MLFLOW_TRACKING_URI"], mirror = tracking_uri(), os.environ.get("DATA_MIRROR")
    with chdir(folder):
        text, answer = asking.answered(
            question, block, what, base, seconds, mirror and root / mirror, typer.echo
        )
        for stage in (baseline, compare):
            stage.main(question.dataset)
        table_hashes.record(0)  # in this folder
        report.main()
        track.main()
    stages = workspace.add_stages(folder)
    if Path(".dvc").is_dir():
        dvc_runs.commit(str(stages))
    typer.echo(f"\nReport: {folder}/report/index.html; MLflow UI: `python -m stages ui`")
    if wait := answer.next_seconds:
        typer.echo(
            f"To train more seeds, run the same command with --budget {cost.budget(wait + 60)}."
        )
    typer.echo(f"\n{text}")


if __name__ == "__main__":
    run(main)
