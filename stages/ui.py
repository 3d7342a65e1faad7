"""Serve the MLflow UI."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from stages import track
from stages.shell import run
from stages.tracking import tracking_uri

Port = Annotated[int, typer.Option(help="port on 127.0.0.1", min=1, max=65535)]


def main(port: Port = 5000) -> None:
    """Publish to MLflow, then serve its UI on 127.0.0.1 until Ctrl-C; print its addresses."""
    track.main()
    uri = tracking_uri()
    from pipeline.config import params
    from pipeline.tracking import store

    with store.opened(uri) as client:
        for dataset in params.load().run.datasets:
            if experiment := client.get_experiment_by_name(dataset):
                address = f"http://127.0.0.1:{port}/{store.page(experiment.experiment_id)}"
                typer.echo(f"{dataset}, table:  {address}")
                typer.echo(f"{dataset}, charts: {address}&compareRunsMode=CHART")
        for experiment in client.search_experiments(order_by=["name ASC"]):
            if ": " in experiment.name:
                address = f"http://127.0.0.1:{port}/{store.page(experiment.experiment_id)}"
                typer.echo(f"{experiment.name}:  {address}")
    sys.stdout.flush()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # an unused scheduler
    server = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    server += ["--host", "127.0.0.1", "--port", str(port)]
    if os.name == "nt":  # execv would end this process before the server
        raise SystemExit(subprocess.run(server, check=False).returncode)
    os.execv(sys.executable, server)


if __name__ == "__main__":
    run(main)
