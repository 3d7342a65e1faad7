"""Open the MLflow UI."""

import os
import sys
from typing import Annotated

import typer

from stages.shell import run
from stages.track import tracking_uri

Port = Annotated[int, typer.Option(help="port on 127.0.0.1", min=1, max=65535)]


def main(port: Port = 5000) -> None:
    """Serve the MLflow UI on 127.0.0.1, until Ctrl-C."""
    uri = tracking_uri()
    typer.echo(f"MLflow UI: http://127.0.0.1:{port}  (Ctrl-C ends it)")
    server = ["mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    os.execv(sys.executable, [sys.executable, "-m", *server, "--port", str(port)])


if __name__ == "__main__":
    run(main)
