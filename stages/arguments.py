"""Command-line arguments that several stages share."""

from typing import Annotated

import typer

DatasetName = Annotated[str, typer.Argument(help="a dataset of params.yaml, e.g. digits")]
ActivationName = Annotated[str, typer.Argument(help="an activation of params.yaml, e.g. rectifier")]
InitializationName = Annotated[str, typer.Argument(help="random or pretrained")]
ExperimentName = Annotated[str, typer.Argument(help="an experiment of params.yaml, e.g. sparsity")]
ProbeName = Annotated[str, typer.Argument(help="a probe of params.yaml, e.g. spiking")]
