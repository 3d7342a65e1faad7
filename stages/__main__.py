"""All stages as one program: `python -m stages --help` lists them."""

from importlib import import_module

import typer

from stages.shell import guarded

COMMANDS = (
    "download",
    "preprocess",
    "pretrain",
    "finetune",
    "evaluate",
    "compare",
    "report",
    "track",
    "bench",
)

app = typer.Typer(
    help="Deep Sparse Rectifier Neural Networks: the stages of the pipeline, in their order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for name in COMMANDS:
    app.command(name)(guarded(import_module(f"stages.{name}").main))

if __name__ == "__main__":
    app()
