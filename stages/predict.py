"""Classification of new texts by a trained arm."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.runtime.errors import Problem
from stages.arguments import ActivationName, DatasetName, InitializationName
from stages.shell import run

Texts = Annotated[
    list[str] | None, typer.Argument(help="texts; - reads one text per line from standard input")
]
File = Annotated[
    Path | None, typer.Option(help="file of texts: .jsonl, .csv, .tsv, or .txt (one per line)")
]
Column = Annotated[str, typer.Option(help="column or key of the texts in --file")]
Delimiter = Annotated[
    str | None, typer.Option(help="delimiter of a .csv or .tsv --file; default: comma or tab")
]
Quoting = Annotated[
    bool | None, typer.Option(help="whether quotes enclose cells of a .csv or .tsv --file")
]
Encoding = Annotated[str, typer.Option(help="encoding of --file or standard input")]
Seed = Annotated[int | None, typer.Option(help="seed of the network; default: best on validation")]
Top = Annotated[int, typer.Option(min=0, help="number of terms to show, largest effects first")]
Form = Annotated[
    Literal["text", "json"], typer.Option("--format", help="output; json: one object per line")
]
Run = Annotated[
    str | None, typer.Option("--run", help="read the network from this MLflow run of the arm")
]


def main(
    dataset: DatasetName,
    activation: ActivationName,
    initialization: InitializationName,
    texts: Texts = None,
    file: File = None,
    column: Column = "text",
    delimiter: Delimiter = None,
    quoting: Quoting = None,
    encoding: Encoding = "utf-8",
    seed: Seed = None,
    top: Top = 10,
    form: Form = "text",
    run_id: Run = None,
) -> None:
    """Classify texts: class, probabilities, expected stars, and the terms with the largest effect.

    The effect of a term is the change of the expected stars, or of the log-odds of the predicted
    class, when only this term is left out. With --run the network is read as safetensors, which
    executes no code from the server (`mlflow.pytorch.load_model` unpickles, so it may).
    """
    from pipeline.config import arms, params
    from pipeline.data import catalogue
    from pipeline.data.sources import unlabeled_texts
    from pipeline.evaluation import prediction
    from pipeline.report.text import terminal
    from pipeline.runtime import device
    from pipeline.tracking import models
    from stages.tracking import tracking_uri

    layout = unlabeled_texts.Layout(column, encoding, delimiter, quoting)
    inputs = unlabeled_texts.read(texts or [], file, layout)
    device.prepare_for_training()
    if run_id == "":
        raise Problem("--run is empty: give the id of a run, or leave the option out")
    if run_id:
        arm = arms.Arm(dataset, activation, initialization)
        scorer = models.from_run(arm, run_id, seed, uri=tracking_uri())
    else:
        settings = params.load()
        catalogue.check_texts(settings, dataset)
        arm = arms.arm_of(settings, dataset, activation, initialization)
        scorer = prediction.from_disk(arm, seed)
    written = terminal.prediction_as_json if form == "json" else terminal.prediction_as_text
    for text, predicted in zip(inputs, scorer.predict(inputs, top=top), strict=True):
        typer.echo(written(text, predicted, scorer.seed))


if __name__ == "__main__":
    run(main)
