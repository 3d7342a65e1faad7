"""Refresh the generated blocks of README.md, docs/, results/ and claims/."""

import shutil
import subprocess
from pathlib import Path

import typer

from stages import table_hashes
from stages.shell import run

PATTERNS = ("README.md", "docs/*.md", "results/*/README.md", "claims/*/README.md")
MEASURED = ("results", "claims", ":(exclude)*.md", ":(exclude)*.lock", ":(exclude)*.yaml")


def files() -> list[Path]:
    """Return the Markdown files that may hold generated blocks, that of the root first."""
    return [path for pattern in PATTERNS for path in sorted(Path().glob(pattern))]


def blocks() -> dict[str, str]:
    """Return the content of every generated block by its name, from the current folder."""
    from ruamel.yaml import YAML

    from pipeline.config import params
    from pipeline.data import overview
    from pipeline.experiments.conditions import catalogue
    from pipeline.report.markdown import measurements, readme

    stages = YAML(typ="safe", pure=True).load(Path("dvc.yaml"))["stages"]
    stages = {name: [stage["desc"]] for name, stage in stages.items()}
    listed = params.load().run.experiments
    questions = {name: [catalogue.experiment(name).question] for name in listed}
    datasets = {name: texts for name, *texts in overview.catalogued()}
    return {
        "stages": readme.named(["stage", "output"], stages),
        "experiments": readme.named(["experiment", "question"], questions),
        "datasets": readme.named(["dataset", "content", "download"], datasets),
        **measurements.blocks(Path("results"), Path("claims"), params.load().compare),
    }


def changed() -> list[str]:
    """Return the files of results/ and claims/ that differ from the committed ones; none without
    git."""
    if shutil.which("git") is None:
        return []
    command = ["git", "diff", "--name-only", "HEAD", "--", *MEASURED]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def main() -> None:
    """Write the tables of results/ and claims/ into README.md, docs/ and the folders' READMEs."""
    from pipeline.report.markdown.blocks import refresh
    from pipeline.runtime import storage

    table_hashes.check("results", "claims")
    content = blocks()
    for path in files():
        storage.write_bytes(path, refresh(path.read_text("utf-8"), content).encode())
    if local := changed():
        typer.echo(
            f"note: {len(local)} files of results/ and claims/ differ from the committed ones, the"
            f" first is {local[0]}: the generated tables now show the local results"
        )


if __name__ == "__main__":
    run(main)
