"""Publish finished arms, baselines, pairs of arms and experiments to MLflow."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer

from stages import last_line, table_hashes
from stages.shell import run
from stages.tracking import tracking_uri

if TYPE_CHECKING:
    from pipeline.config.params import Params

Register = Annotated[bool, typer.Option("--register", help="register each dataset's best arm")]


def main(register: Register = False) -> str | None:
    """Publish what is finished of params.yaml to MLflow; unchanged runs stay as they are.

    With --register the best arm of each dataset, by validation error, becomes a version of the
    registered model that has the dataset's name: `models:/<dataset>@champion`.
    """
    uri = tracking_uri()
    from pipeline.config import params
    from pipeline.tracking import champion
    from pipeline.tracking.store import Unreachable

    try:
        settings = params.load()
        for line in _published(settings, uri):
            typer.echo(line)
        for dataset in settings.run.datasets if register else ():
            best, new = champion.register(dataset, settings, uri=uri)
            typer.echo(f"{dataset}: champion is {best.name}, {'new' if new else 'unchanged'}")
    except Unreachable as problem:
        typer.echo(f"warning: {problem}", err=True)
        return None
    names = ", ".join(settings.run.datasets)
    return last_line.line("track", made=f"{names} in MLflow", place="see `python -m stages ui`")


def _published(settings: "Params", uri: str) -> Iterator[str]:
    """Publish arms, baselines, pairs and experiments in turn; yield a line of text about each."""
    from pipeline.config.arms import arms_of
    from pipeline.tracking import arms, finished_arm, runs, tables

    folders = [f"{top}/{name}" for top in table_hashes.FOLDERS for name in settings.run.datasets]
    table_hashes.check(*folders)
    for arm in (arm for name in settings.run.datasets for arm in arms_of(settings, name)):
        if not finished_arm.finished(arm, settings):
            yield f"{arm.name}: not finished, skipped"
            continue
        new = runs.publish(arms.read(arm, settings), uri=uri)
        yield f"{arm.name}: {'published' if new else 'unchanged'}"
    for dataset in settings.run.datasets:
        rows = {"baselines": tables.baselines(dataset), "pairs of arms": tables.pairs(dataset)}
        for name, contents in rows.items():
            if contents:
                new = runs.publish(contents, uri=uri)
                yield f"{dataset}: {new} of {len(contents)} {name} published"
    for dataset, experiment in product(settings.run.datasets, settings.run.experiments):
        if conditions := tables.conditions(dataset, experiment, settings.compare.confidence):
            new = runs.publish(conditions, uri=uri)
            yield f"{dataset}: {experiment}: {new} of {len(conditions)} conditions published"


if __name__ == "__main__":
    run(main)
