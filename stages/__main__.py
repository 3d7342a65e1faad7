"""All stages as one program: `python -m stages --help` lists them."""

from importlib import import_module

from stages.arguments import Command
from stages.shell import guarded, program

STAGES = (
    *("download", "preprocess", "pretrain", "finetune", "evaluate", "baseline"),
    *("compare", "report"),
)
CLAIMS = ("sweep", "score", "probe", "judge", "claims")
TOOLS = ("datasets", "predict", "track", "ui", "bench", "readme", "prune")

app = program(
    help="Deep Sparse Rectifier Neural Networks: the stages in their order, and tools beside them.",
    no_args_is_help=True,
)
for panel, names in (("Stages", STAGES), ("Stages of the claims", CLAIMS), ("Tools", TOOLS)):
    for name in names:
        main = import_module(f"stages.{name}").main
        app.command(name, cls=Command, rich_help_panel=panel)(guarded(main))

if __name__ == "__main__":
    app()
