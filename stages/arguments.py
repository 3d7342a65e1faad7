"""Arguments shared by the stages: names in params.yaml, validated, by position or by option."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from pipeline.runtime.errors import Problem

DatasetName = Annotated[str, typer.Argument(help="a dataset of params.yaml, e.g. digits")]
ActivationName = Annotated[str, typer.Argument(help="an activation of params.yaml, e.g. rectifier")]
InitializationName = Annotated[str, typer.Argument(help="random or pretrained")]
ExperimentName = Annotated[str, typer.Argument(help="an experiment of params.yaml, e.g. sparsity")]
ProbeName = Annotated[str, typer.Argument(help="a probe of params.yaml, e.g. spiking")]
NAMES = {"dataset", "activation", "initialization", "experiment", "probe"}


class Command(TyperCommand):
    """Command that accepts names also as options: `--dataset digits` instead of `digits`.

    DVC writes the values of a matrix in this form, and quotes them for the shell.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line, with the named arguments moved to their positions."""
        options = [f"--{param.name}" for param in self.params if param.name in NAMES]
        places = [place for place, word in enumerate(args[:-1]) if word in options]
        values = {args[place]: args[place + 1] for place in places}
        moved = {*places, *(place + 1 for place in places)}
        others = [word for place, word in enumerate(args) if place not in moved]
        named = [values[option] for option in options if option in values]
        return super().parse_args(ctx, [*others, "--", *named] if named else args)


def check(arguments: Mapping[str, object]) -> None:
    """Raise Problem for a name that is not safe in a path, before a path is made of it."""
    from pipeline.config.params import checked_name

    for kind in sorted(NAMES & arguments.keys()):
        try:
            checked_name(str(arguments[kind]))
        except ValueError as error:
            raise Problem(
                f"{arguments[kind]!r} is not a valid name of a {kind}: {error}"
            ) from error
