"""The scores of an arm: the one module that is given the test split."""

from pipeline.config.arms import Arm
from pipeline.data.splits.per_seed import Data
from pipeline.networks import metrics
from pipeline.networks.population import Population
from pipeline.runtime.storage import Record


def evaluate(
    arm: Arm, stack: Population, test: Data, *, trained: list[Record], pretrained: list[Record]
) -> list[Record]:
    """Return one record a seed: what was chosen on validation, and its error and zeros on test.

    `trained` and `pretrained` are the records of the two phases. Zeros are a mean over the hidden
    layers; of a network without any those of its inputs (as in the paper's Table 2). A seed whose
    every learning rate diverged has nothing to test: its errors are None.
    """
    found = metrics.classify(stack, test)
    lines = []
    for seed in range(len(stack)):
        zeros = found.zeros_KL[seed].tolist()
        tested = {
            "test_error": float(found.errors_K[seed]),
            "zeros": sum(zeros) / len(zeros) if zeros else test.of(seed).zeros,
            "zeros_by_layer": zeros,
        }
        if test.encoding.stars_C is not None:
            tested["test_rmse"] = float(found.rmses_K[seed])
        lines.append(_record(arm, seed, tested, trained=trained, pretrained=pretrained))
    return [line | {"test_examples": len(test)} for line in lines]


def _record(
    arm: Arm, seed: int, tested: Record, *, trained: list[Record], pretrained: list[Record]
) -> Record:
    mine = [record for record in trained if record["seed"] == seed]
    chosen = next((record for record in mine if record["chosen"]), None)
    if chosen is None:
        chosen = {}
        tested = dict.fromkeys(tested) | {"zeros_by_layer": []}
    return {
        "dataset": arm.dataset,
        "activation": arm.activation,
        "initialization": arm.initialization,
        "seed": seed,
        "learning_rate": chosen.get("learning_rate"),
        "pretrain_learning_rates": [
            record["learning_rate"]
            for record in pretrained
            if record["seed"] == seed and record["chosen"]
        ],
        "best_epoch": chosen.get("best_epoch"),
        "valid_error": chosen.get("valid_error"),
        "valid_cost": chosen.get("valid_cost"),
        **tested,
        "dead_units": chosen.get("dead_units"),
        "diverged": [record["learning_rate"] for record in mine if record["diverged"]],
        **({"valid_rmse": chosen.get("valid_rmse")} if "test_rmse" in tested else {}),
    }
