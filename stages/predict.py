"""Score new texts with a trained arm."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run

Texts = Annotated[list[str] | None, typer.Argument(help="what to score; - reads a text a line")]
File = Annotated[Path | None, typer.Option(help="texts: .jsonl, .csv, or .txt with one a line")]
Column = Annotated[str, typer.Option(help="of --file, which column or key holds the texts")]
Encoding = Annotated[str, typer.Option(help="of --file or standard input")]
Seed = Annotated[int | None, typer.Option(help="whose network; else of lowest validation error")]
Top = Annotated[int, typer.Option(min=0, help="how many terms that mattered to tell of each text")]
Form = Annotated[Literal["text", "json"], typer.Option("--format", help="json: an object a line")]
Run = Annotated[str | None, typer.Option("--run", help="MLflow run of the arm: nothing from disk")]


def main(
    dataset: DatasetName,
    activation: ActivationName,
    initialization: InitializationName,
    texts: Texts = None,
    file: File = None,
    column: Column = "text",
    encoding: Encoding = "utf-8",
    seed: Seed = None,
    top: Top = 10,
    form: Form = "text",
    run_id: Run = None,
) -> None:
    """Say of each text its class, the probabilities, the expected stars, the terms that mattered.

    A term counts for as much as the log-odds of the predicted class, or the expected stars, change
    when it alone is left out. The network is that of the seed with the lowest validation error.
    """
    from pipeline.config import arms, params
    from pipeline.data import catalogue
    from pipeline.data.sources import unlabeled_texts
    from pipeline.evaluation import prediction
    from pipeline.report.text import predictions
    from pipeline.runtime import device
    from pipeline.tracking import models
    from stages.track import tracking_uri

    found = unlabeled_texts.read(texts or [], file, unlabeled_texts.Layout(column, encoding))
    device.prepare_for_training()
    if run_id:
        arm = arms.Arm(dataset, activation, initialization)
        scorer = models.from_run(arm, run_id, seed, uri=tracking_uri())
    else:
        settings = params.load()
        catalogue.check_texts(settings, dataset)
        arm = arms.arm_of(settings, dataset, activation, initialization)
        scorer = prediction.from_disk(arm, seed)
    tell = predictions.as_json if form == "json" else predictions.as_text
    for text, said in zip(found, scorer.predict(found, top=top), strict=True):
        typer.echo(tell(text, said, scorer.seed))


if __name__ == "__main__":
    run(main)
