"""Test scores of an experiment's networks, on the test split that the stage `score` alone reads."""

from collections.abc import Sequence

import torch

from pipeline.data.splits.per_seed import Data
from pipeline.networks import metrics
from pipeline.networks.population import Population
from pipeline.runtime.storage import Record

COLUMNS = [
    "seed", "l1", "learning_rate", "pretrain_learning_rates", "best_epoch", "valid_error",
    "test_error", "test_examples", "zeros", "zeros_by_layer", "zeros_at_start", "dead_units",
    "dead_by_epoch", "revived", "gradient_norms", "diverged",
]  # fmt: skip


def rows(stack: Population, lines: Sequence[Record], test: Data) -> list[Record]:
    """Return one row a seed of a condition, with its levels, from its chosen networks and records.

    Errors and shares are fractions. A seed whose every learning rate diverged has no errors.
    """
    scores = metrics.evaluate(stack, test)
    rows = []
    for seed in range(len(stack)):
        of_seed = [line for line in lines if line["seed"] == seed]
        tested: Record = {
            "test_error": float(scores.errors_K[seed]),
            "zeros": float(scores.zeros_KL[seed].mean()),
            "zeros_by_layer": scores.zeros_KL[seed].tolist(),
        }
        chosen = next((line for line in of_seed if line["chosen"]), None)
        if chosen is None:
            unknown = ("learning_rate", "best_epoch", "valid_error", "dead_units")
            chosen = of_seed[0] | dict.fromkeys(unknown)
            tested = {"test_error": None, "zeros": None, "zeros_by_layer": []}
        tested |= {
            "test_examples": len(test),
            "gradient_norms": norms(chosen["gradient_norms"]),
            "diverged": [line["learning_rate"] for line in of_seed if line["diverged"]],
        }
        rows.append(dict.fromkeys(("dead_by_epoch", "revived")) | chosen | tested)
    return rows


def norms(gradient_norms: Sequence[Sequence[float | None]]) -> list[float]:
    """Return the geometric mean over epochs of each layer's gradient norm, lowest first.

    Epochs with a norm of 0, or not finite (None in a record), are left out; 0 where all are. Empty
    where norms were not recorded.

    >>> norms([[1.0, 4.0], [1.0, 1.0], [1.0, 0.0], [None, None]])
    [1.0, 2.0]
    """
    if not gradient_norms:
        return []
    known = [[0.0 if norm is None else norm for norm in layers] for layers in gradient_norms]
    logs_TL = torch.tensor(known, dtype=torch.float64).log()
    kept_TL = torch.where(logs_TL.isfinite(), logs_TL, torch.nan)
    return [round(norm, 12) for norm in kept_TL.nanmean(0).exp().nan_to_num(0.0).tolist()]
