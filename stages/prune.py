"""Removal of arms and checkpoints that no stage uses."""

from typing import Annotated

import typer

from stages.shell import run

Really = Annotated[
    bool, typer.Option("--yes", help="delete them; without this option they are listed")
]


def main(really: Really = False) -> None:
    """List or delete arms that params.yaml does not run, and checkpoints of unfinished training.

    DVC's cache and MLflow's runs stay: an arm that is run again is restored from the cache.
    """
    import shutil

    from pipeline.config import arms, params

    for path in arms.stale_folders(params.load()):
        typer.echo(f"{'deleted' if really else 'would delete'} {path}")
        if really:
            shutil.rmtree(path)


if __name__ == "__main__":
    run(main)
