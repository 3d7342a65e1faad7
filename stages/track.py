"""Send the finished arms, baselines and experiments to MLflow."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stages.shell import run

if TYPE_CHECKING:
    from pipeline.config.params import Params

# MLflow phones home, waits four minutes for a server that is down, and prints a link a run, unless
# told otherwise.
MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or the sqlite store in the root; set MLflow's manners."""
    for name, value in MANNERS.items():
        os.environ.setdefault(name, value)
    root = Path(os.environ.get("DVC_ROOT") or ".").resolve()  # of `dvc exp run --temp` as well
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"


def main() -> None:
    """Send what is finished of params.yaml to MLflow; what is there already stays as it is."""
    uri = tracking_uri()
    from pipeline.config import params
    from pipeline.tracking.store import Unreachable

    try:
        for line in _published(params.load(), uri):
            typer.echo(line)
    except Unreachable as problem:
        typer.echo(f"warning: {problem}", err=True)


def _published(settings: "Params", uri: str) -> Iterator[str]:
    """Send arms, baselines and experiments in turn; yield what became of each."""
    from pipeline.config import arms
    from pipeline.tracking import baselines, conditions, contents, publishing

    for arm in (arm for name in settings.run.datasets for arm in arms.arms_of(settings, name)):
        if not contents.finished(arm, settings):
            yield f"{arm.name}: not finished, skipped"
            continue
        new = publishing.publish(arm, settings, uri=uri)
        yield f"{arm.name}: {'published' if new else 'there already'}"
    for dataset in settings.run.datasets:
        if beaten := baselines.read(dataset):
            count = baselines.publish(beaten, uri=uri)
            yield f"{dataset}: {count} of {len(beaten)} baselines published"
    for dataset, experiment in product(settings.run.datasets, settings.run.experiments):
        if told := conditions.read(dataset, experiment, settings.compare.confidence):
            count = conditions.publish(told, uri=uri)
            yield f"{dataset}: {experiment}: {count} of {len(told)} conditions published"


if __name__ == "__main__":
    run(main)
