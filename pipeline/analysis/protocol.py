"""Protocol of a comparison: settings shared by all arms, size of the test split, selection rule."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis import comparison, statistics
from pipeline.analysis.comparison import Outcome
from pipeline.config.params import Compare
from pipeline.paper import published
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

SELECTION = (
    "learning rate and epoch by lowest validation {} (ties: lower validation cost); "
    "test split read once for the chosen network of each seed"
)
FILTERS_RULE = (
    "weights of the first hidden layer of the seed with the lowest validation {}; units spread "
    "evenly over the layer, so that idle ones show too"
)


def protocol(
    compare: Compare, results: Sequence[Outcome], abouts: Mapping[str, Record]
) -> dict[str, Any]:
    """Return protocol.json, from the arms' outcomes and their settings `abouts`, by arm key.

    Raises Problem where the arms had different test splits, networks or tuning budgets.
    `binomial_standard_error` is that of one network's test error on a split of this size, at the
    mean over the arms; None where all arms failed.
    """
    n = _test_examples(results)
    return {
        "dataset": results[0].arm.dataset,
        "seeds": len(results[0].records),
        "selection": SELECTION.format(_measure(results)),
        "confidence": compare.confidence,
        "significance": compare.significance,
        "hidden": _deepest(abouts),
        "l1": {o.arm.activation: abouts[o.arm.key]["activation"]["l1"] for o in results},
        "finetune": _shared_by_all("finetune", abouts),
        "pretrain": _shared_by_all("pretrain", {k: a for k, a in abouts.items() if a["pretrain"]}),
        "device": _shared_by_all("device", abouts),
        "test_examples": n,
        "binomial_standard_error": _binomial(results, n),
        "filters": _filters(results),
        "paper": _paper(results),
        **({"measure": "rmse"} if comparison.of_ratings(results) else {}),
    }


def _test_examples(results: Sequence[Outcome]) -> int:
    sizes = {record["test_examples"] for outcome in results for record in outcome.records}
    if len(sizes) != 1:
        dataset = results[0].arm.dataset
        raise Problem(
            f"arms of {dataset} were scored on test splits of {sorted(sizes)} examples: "
            f"delete runs/scores/{dataset} and run `dvc repro`"
        )
    return int(sizes.pop())


def _binomial(results: Sequence[Outcome], n: int) -> float | None:
    means = [outcome.mean("test_error") for outcome in results]
    finished = [mean for mean in means if mean is not None]
    if not finished:
        return None
    error = statistics.mean(finished)
    return math.sqrt(error * (1 - error) / n)


def _deepest(abouts: Mapping[str, Record]) -> list[int]:
    """Return the hidden layers of the deepest arm; those of the others are its lowest ones."""
    deepest: list[int] = max((about["hidden"] for about in abouts.values()), key=len)
    lower = {arm: {"hidden": [*about["hidden"], *deepest[len(about["hidden"]) :]]}
             for arm, about in abouts.items()}  # fmt: skip
    _shared_by_all("hidden", lower)
    return deepest


def _shared_by_all(key: str, abouts: Mapping[str, Record]) -> Any:
    """Return the value that all arms have under `key`, None without arms; else raise Problem."""
    values = {arm: about[key] for arm, about in abouts.items()}
    first = next(iter(values.values()), None)
    others = [arm for arm, value in values.items() if value != first]
    if others:
        raise Problem(
            f"arms were made with different settings ({key} of {others[0]}), so they are not"
            " comparable: run `dvc repro` to bring all up to date"
        )
    return first


def _filters(results: Sequence[Outcome]) -> dict[str, Any]:
    seeds = {o.arm.key: comparison.best_seed(o) for o in results if not o.failed}
    return {"rule": FILTERS_RULE.format(_measure(results)), "seeds": seeds}


def _measure(results: Sequence[Outcome]) -> str:
    """Return the validation measure that selects, in words."""
    return "RMSE" if comparison.of_ratings(results) else "error"


def _paper(results: Sequence[Outcome]) -> dict[str, Any]:
    """Return the paper's marks of the errors of this dataset's arms, and its zeros, a fraction."""
    arms = [outcome.arm for outcome in results]
    dataset = arms[0].dataset
    cells = {
        arm.key: published.TABLE_1.get((dataset, arm.activation, arm.initialization))
        for arm in arms
    }
    zeros = published.ZEROS.get(dataset)
    return {
        "source": published.SOURCE,
        "marks": {key: number.mark for key, number in cells.items() if number},
        "rectifier_zeros": zeros.value if zeros else None,
    }
