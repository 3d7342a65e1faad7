"""Project commands: the targets of the Makefile, also for systems without make."""

import os
import sys
from pathlib import Path

import typer

from stages import dvc_runs, evidence, explore, repair


def repro() -> None:
    """Run the stages of the pipeline that are out of date; print a table of the arms."""
    settings = dvc_runs.checked_params()
    _run_stages("dvc.yaml")
    from pipeline.analysis import results
    from pipeline.report.text.terminal import arms_table

    tables = [Path("results", dataset, "table.csv") for dataset in settings.run.datasets]
    rows = [row for path in tables for row in results.read_table(path)]
    typer.echo(f"\n{arms_table(rows, settings.compare.confidence)}\n")
    typer.echo("Report: report/index.html (figures, tests, protocol)")
    typer.echo("MLflow UI: `make ui`, or `python -m stages ui` (all runs, on 127.0.0.1:5000)")


def claims() -> None:
    """Test the paper's claims by experiments and probes; print the number of claims by verdict."""
    dvc_runs.checked_params()
    _run_stages("claims/dvc.yaml")
    evidence.main()
    explore.main()
    from pipeline.analysis import results
    from pipeline.report.text import verdicts

    typer.echo()
    for path in sorted(Path("claims").glob("*/claims.csv")):
        typer.echo(f"{path.parent.name}: {verdicts.count(results.read_table(path))}")
    typer.echo("\nPage of the claims: report/claims.html (evidence and rule of each verdict)")
    typer.echo("Across datasets: report/evidence.html; tables in LaTeX: report/latex/")
    typer.echo("Sliders over the measured networks: report/explore.html")


def _run_stages(file: str) -> None:
    """Delete damaged objects of the cache; run the stages of a file that are out of date."""
    repair.delete_damaged_objects(repair.QUICK)
    dvc_runs.reproduce(file)


def test() -> None:
    """Run the fast tests, one process per core, at most eight (each takes up to 1 GB)."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    processes = ("-n", "auto", "--maxprocesses", "8", "--dist", "loadgroup")
    dvc_runs.run([sys.executable, "-m", "pytest", *processes])


def lint() -> None:
    """Check format, style and types."""
    for command in (["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]):
        dvc_runs.run([sys.executable, "-m", *command])
