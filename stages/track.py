"""Publish finished arms, baselines, pairs of arms and experiments to MLflow."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.runtime.errors import printable
from stages import last_line, table_hashes
from stages.shell import run
from stages.tracking import tracking_uri

if TYPE_CHECKING:
    from pipeline.config.params import Params

Only = Annotated[
    str | None, typer.Argument(help="a dataset; default: all datasets in run.datasets")
]
Register = Annotated[bool, typer.Option("--register", help="register each dataset's best arm")]
Within = Annotated[float | None, typer.Option(help="time limit in seconds; errors become warnings")]


def main(dataset: Only = None, register: Register = False, within: Within = None) -> str | None:
    """Publish the finished results of the datasets in params.yaml to MLflow; keep unchanged runs.

    With --register, the arm of each dataset with the lowest validation error becomes a version of
    the registered model with the dataset's name: `models:/<dataset>@champion`. With --within,
    errors of the tracking server are printed as warnings, since results are on disk.
    """
    uri = tracking_uri()
    from pipeline.config import params
    from pipeline.tracking import runs
    from pipeline.tracking.store import Unreachable

    settings = params.load()
    datasets = [dataset] if dataset else settings.run.datasets
    for name in datasets:
        settings.dataset(name)
    publish = partial(_publish, settings, datasets, uri, register=register)
    try:
        publish() if within is None else runs.within(within, publish, uri=uri)
    except Exception as problem:
        if within is None and not isinstance(problem, Unreachable):
            raise
        typer.echo(printable(f"warning: {problem}"), err=True)
        return None
    made = f"{', '.join(datasets)} in MLflow"
    return last_line.line("track", made=made, place="see `python -m stages ui`")


def _publish(settings: "Params", datasets: Sequence[str], uri: str, *, register: bool) -> None:
    """Publish the datasets, and register their best arms if asked for; print a line about each."""
    from pipeline.tracking import champion, publication

    table_hashes.check(*(f"{top}/{name}" for top in table_hashes.FOLDERS for name in datasets))
    for line in publication.published(settings, datasets, uri=uri):
        typer.echo(line)
    for dataset in datasets if register else ():
        best, new = champion.register(dataset, settings, uri=uri)
        typer.echo(f"{dataset}: champion is {best.name}, {'new' if new else 'unchanged'}")


if __name__ == "__main__":
    run(main)
