"""Validation of the hidden units in params.yaml against the known activation functions."""

from pipeline.config.params import Params
from pipeline.networks.activations.functions import FUNCTIONS, MULTI_PIECE
from pipeline.runtime.errors import Problem


def check(params: Params, activation: str) -> None:
    """Raise Problem where an activation has an unknown function, or the wrong number of pieces.

    Called before networks are trained or read: trained networks keep their own function, so a
    misspelled one would go unnoticed.
    """
    unit, key = params.activation(activation), f"params.yaml: activations.{activation}"
    if unit.function not in FUNCTIONS:
        known = ", ".join(FUNCTIONS)
        raise Problem(f"{key}.function = {unit.function!r} is unknown: use one of {known}")
    if (unit.pieces > 1) != (unit.function in MULTI_PIECE):
        needed = "two or more" if unit.function in MULTI_PIECE else "1, or leave it out"
        raise Problem(
            f"{key}.pieces = {unit.pieces} is wrong for {unit.function}: set it to {needed}"
        )
