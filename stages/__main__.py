"""All commands as one program: `python -m stages --help` lists them."""

from collections.abc import Callable
from importlib import import_module

from stages import ask, paper, project
from stages.arguments import Command
from stages.shell import guarded, program

STAGES = (
    *("download", "preprocess", "pretrain", "finetune", "evaluate", "baseline"),
    *("compare", "report"),
)
STAGES_OF_CLAIMS = ("conditions", "sweep", "score", "probe", "judge", "claims-page")
TOOLS = (
    *("train", "track", "ui", "datasets", "predict", "official", "verify", "prune", "repair"),
    *("bench", "scale", "cost", "readme", "evidence", "explore"),
)

app = program(
    help="Deep Sparse Rectifier Neural Networks: the whole pipeline, its stages, and tools.",
    no_args_is_help=True,
)


def add(panel: str, name: str, main: Callable[..., str | None]) -> None:
    """Add a command to the program."""
    app.command(name, cls=Command, rich_help_panel=panel)(guarded(main))


for name, main in (
    *(("repro", project.repro), ("claims", project.claims), ("paper", paper.main)),
    *(("ask", ask.main),),
    *(("test", project.test), ("lint", project.lint)),
):
    add("Project", name, main)
for panel, names in (
    ("Tools", TOOLS),
    ("Stages of the pipeline", STAGES),
    ("Stages of the claims", STAGES_OF_CLAIMS),
):
    for name in names:  # the stage `claims-page`: `claims` runs all stages
        add(panel, name, import_module(f"stages.{name.removesuffix('-page')}").main)

if __name__ == "__main__":
    app()
