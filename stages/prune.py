"""Removal of arms, checkpoints and trained networks that no stage uses."""

from typing import Annotated

import typer

from stages.shell import run

Really = Annotated[
    bool, typer.Option("--yes", help="delete them; without this option they are listed")
]
Days = Annotated[
    float, typer.Option(min=0, help="delete trained networks that were not used for so many days")
]


def main(really: Really = False, days: Days = 7.0) -> None:
    """List or delete arms that params.yaml does not run, and files of unused training.

    These are checkpoints of unfinished stages, and the networks in runs/trained that no stage has
    read or trained for `--days` days: those of earlier settings or code. DVC's cache and MLflow's
    runs stay: an arm that is run again is restored from the cache.
    """
    import shutil

    from pipeline.config import arms, params
    from pipeline.training import trained_networks

    verb = "deleted" if really else "would delete"
    for path in arms.stale_folders(params.load()):
        typer.echo(f"{verb} {path}")
        if really:
            shutil.rmtree(path)
    networks = trained_networks.unused(days)
    size = sum(path.stat().st_size for path in networks) / 1e6
    if really:
        for path in networks:
            path.unlink()
    if networks:
        folder = trained_networks.FOLDER
        typer.echo(
            f"{verb} {len(networks)} networks ({size:.0f} MB) in {folder} that were not used for"
            f" {days:g} days: they would be trained again if their settings return"
        )


if __name__ == "__main__":
    run(main)
