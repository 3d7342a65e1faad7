"""Settings of MLflow that the commands share: its environment and the address of the store."""

import os
import sys
import threading
from pathlib import Path

# By default MLflow sends telemetry, waits minutes for a server that is down (or for hours, if the
# server asks for it), and prints a link for each run.
MLFLOW_ENV_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI, by default the root's sqlite store; set MLflow's defaults."""
    for name, value in MLFLOW_ENV_DEFAULTS.items():
        os.environ.setdefault(name, value)
    root = Path(os.environ.get("DVC_ROOT") or ".").resolve()  # of `dvc exp run --temp` as well
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root}/mlflow.db"


def leave_abandoned_uploads() -> None:
    """Exit without waiting for uploads to a tracking server that exceeded its time."""
    if any(thread.name == "tracking" for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
