"""Removal of arms, checkpoints and trained networks that no stage uses."""

from typing import Annotated

import typer

from stages.shell import run

Really = Annotated[
    bool, typer.Option("--yes", help="delete the files; without this option they are listed")
]
Days = Annotated[
    float, typer.Option(min=0, help="minimum days since a trained network was last used")
]


def main(really: Really = False, days: Days = 7.0) -> None:
    """List or delete files of arms that are not in params.yaml, and unused training files.

    Unused training files are checkpoints of unfinished stages, and networks in runs/trained that no
    stage has read or written for `--days` days. DVC's cache and MLflow's runs are kept: an arm that
    is run again is restored from the cache.
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
            f"{verb} {len(networks)} networks ({size:.0f} MB) in {folder}, not used for"
            f" {days:g} days; they are trained again if their settings are run again"
        )


if __name__ == "__main__":
    run(main)
