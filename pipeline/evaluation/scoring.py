"""Test scores of an arm: the only module of the arms that reads the test split."""

from pipeline.config.arms import Arm
from pipeline.data.splits.per_seed import Data, read_for
from pipeline.networks import metrics, population
from pipeline.networks.population import Population
from pipeline.runtime import storage
from pipeline.runtime.locks import exclusive
from pipeline.runtime.storage import Record


def score(arm: Arm) -> list[Record]:
    """Write the folder of an arm's scores; return its records, one a seed.

    Raises Problem where the splits or the networks are missing or damaged.
    """
    with exclusive(arm.scores), storage.whole_folder(arm.scores, hashes=True) as out:
        stack = population.load(arm.networks / "weights.safetensors")
        lines = evaluate(
            arm,
            stack,
            read_for(arm.ready / "test.npz", range(len(stack))),
            trained=storage.read_lines(arm.networks / "records.jsonl"),
            pretrained=storage.read_lines(arm.start / "records.jsonl"),
        )
        storage.write_lines(out / "records.jsonl", lines)
        parts = [storage.read_json(path / "about.json") for path in (arm.start, arm.networks)]
        storage.write_json(out / "about.json", parts[0] | parts[1])
    return lines


def evaluate(
    arm: Arm, stack: Population, test: Data, *, trained: list[Record], pretrained: list[Record]
) -> list[Record]:
    """Return one record for each seed: the choices on validation, and the scores on test.

    `trained` and `pretrained` are the records of the two phases. `zeros`, the share of exact zeros
    in [0, 1], is a mean over the hidden layers, or that of the inputs where there is no hidden
    layer (as in the paper's Table 2). Errors are None where every learning rate of a seed diverged.
    """
    scores = metrics.evaluate(stack, test)
    lines = []
    for seed in range(len(stack)):
        zeros = scores.zeros_KL[seed].tolist()
        tested = {
            "test_error": float(scores.errors_K[seed]),
            "zeros": sum(zeros) / len(zeros) if zeros else test.of(seed).zeros,
            "zeros_by_layer": zeros,
        }
        if test.encoding.stars_C is not None:
            tested["test_rmse"] = float(scores.rmses_K[seed])
        lines.append(_record(arm, seed, tested, trained=trained, pretrained=pretrained))
    return [line | {"test_examples": len(test)} for line in lines]


def _record(
    arm: Arm, seed: int, tested: Record, *, trained: list[Record], pretrained: list[Record]
) -> Record:
    rates = [record for record in trained if record["seed"] == seed]
    chosen = next((record for record in rates if record["chosen"]), None)
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
        "diverged": [record["learning_rate"] for record in rates if record["diverged"]],
        "pretrain_diverged": failed_rates([r for r in pretrained if r["seed"] == seed]),
        **({"valid_rmse": chosen.get("valid_rmse")} if "test_rmse" in tested else {}),
    }


def failed_rates(pretrained: list[Record]) -> list[str]:
    """Return the failed `layer:rate` of a seed's pre-training, the lowest layer first.

    A rate fails in a layer where it diverges, and where it is too high: its auto-encoder
    reconstructs the validation inputs no better than the best constant, and that of a lower rate
    does it better. Stops at a layer without a chosen rate: every rate diverges above it, whatever
    its own does.
    """
    failed: list[str] = []
    for layer in sorted({record["layer"] for record in pretrained}):
        records = [record for record in pretrained if record["layer"] == layer]
        failed += [f"{layer}:{r['learning_rate']:g}" for r in records if _failed(r, records)]
        if not any(record["chosen"] for record in records):
            break
    return failed


def _failed(record: Record, of_layer: list[Record]) -> bool:
    """Return whether a record's rate failed, beside those of the other rates."""
    constant, rate, cost = (record.get(k) for k in ("constant_cost", "learning_rate", "valid_cost"))
    if record["diverged"] or constant is None:  # records of earlier code have none
        return bool(record["diverged"])
    lower = [r["valid_cost"] for r in of_layer if r["learning_rate"] < rate and not r["diverged"]]
    return bool(cost >= constant and lower and min(lower) < cost)
