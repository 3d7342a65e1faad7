"""Recorded results of a dataset, and new validation scores of its networks."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis.comparison import RUNS, Outcome
from pipeline.config.arms import Arm
from pipeline.data.splits.per_seed import Data
from pipeline.networks import metrics
from pipeline.networks.population import Population
from pipeline.runtime.storage import Record

CHOSEN = ("valid_error", "valid_cost", "valid_rmse", "dead_units")


def outcomes(runs: Sequence[Mapping[str, Any]], protocol: Mapping[str, Any]) -> list[Outcome]:
    """Return the outcome of each arm, in the order of the rows of runs.csv.

    Columns that an older table lacks are None.
    """
    common = dict.fromkeys(RUNS) | {"test_examples": protocol["test_examples"]}
    arms: dict[Arm, list[Record]] = {}
    for row in runs:
        arm = Arm(row["dataset"], row["activation"], row["initialization"])
        arms.setdefault(arm, []).append({**common, **row})
    return [Outcome(arm, records) for arm, records in arms.items()]


def sections(results: Sequence[Outcome], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections `run` and `compare` of params.yaml that made these results."""
    run = {
        "activations": list(dict.fromkeys(outcome.arm.activation for outcome in results)),
        "initializations": list(dict.fromkeys(outcome.arm.initialization for outcome in results)),
        "seeds": protocol["seeds"],
    }
    return {"run": run, "compare": {key: protocol[key] for key in ("confidence", "significance")}}


def chosen(trained: Sequence[Record]) -> list[Record]:
    """Return the validation scores of each seed's chosen network, from the records of training."""
    lines = sorted((line for line in trained if line["chosen"]), key=lambda line: int(line["seed"]))
    return [{name: line[name] for name in ("seed", *CHOSEN) if name in line} for line in lines]


def measured_again(
    networks: Population, seeds: Sequence[int], train: Data, valid: Data
) -> list[Record]:
    """Return the validation scores and the share of dead units of networks, each with its seed.

    `train` has the inputs on which a dead unit is 0.
    """
    scores, dead = metrics.evaluate(networks, valid), metrics.dead_units(networks, train)
    rows: list[Record] = [
        {
            "seed": seed,
            "valid_error": float(scores.errors_K[seed]),
            "valid_cost": float(scores.costs_K[seed]),
            "dead_units": dead[seed],
        }
        for seed in seeds
    ]
    if valid.encoding.stars_C is not None:
        for seed, row in zip(seeds, rows, strict=True):
            row["valid_rmse"] = float(scores.rmses_K[seed])
    return rows
