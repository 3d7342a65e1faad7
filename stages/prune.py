"""Delete what no stage owns."""

from typing import Annotated

import typer

from stages.shell import run

Really = Annotated[bool, typer.Option("--yes", help="delete; without it, only list")]


def main(really: Really = False) -> None:
    """List, or delete, arms that params.yaml no longer runs, and checkpoints of unfinished work.

    Neither DVC's cache nor MLflow's runs are touched: an arm that is run again is back at once.
    """
    import shutil

    from pipeline.config import arms, params

    for path in arms.stale_folders(params.load()):
        typer.echo(f"{'deleted' if really else 'would delete'} {path}")
        if really:
            shutil.rmtree(path)


if __name__ == "__main__":
    run(main)
