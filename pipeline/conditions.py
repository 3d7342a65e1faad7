"""Under which conditions a dataset's numbers were made: what the header of its tables must say."""

import math
from collections.abc import Sequence
from typing import Any

from pipeline import exhibits, published, statistics
from pipeline.comparison import Outcome
from pipeline.errors import Problem
from pipeline.params import Params

SELECTION = (
    "learning rate and epoch by lowest validation error (ties: lower validation cost); "
    "test split read once for the chosen network of each seed"
)


def protocol(settings: Params, dataset: str, results: Sequence[Outcome]) -> dict[str, Any]:
    """Return protocol.json. Raises Problem where the arms were scored on different test splits.

    `binomial_standard_error` is that of one network's test error on a split of this size, at the
    mean over the arms; None where all arms failed.
    """
    n = _test_examples(results)
    return {
        "dataset": dataset,
        "seeds": settings.run.seeds,
        "selection": SELECTION,
        "confidence": settings.compare.confidence,
        "significance": settings.compare.significance,
        "hidden": settings.dataset(dataset).network.hidden,
        "l1": {name: settings.activation(name).l1 for name in settings.run.activations},
        "finetune": settings.finetune_for(dataset).model_dump(),
        "pretrain": _pretrain(settings, dataset),
        "test_examples": n,
        "binomial_standard_error": _binomial(results, n),
        "filters": _filters(results),
        "paper": _paper(dataset, results),
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


def _pretrain(settings: Params, dataset: str) -> dict[str, Any] | None:
    if "pretrained" not in settings.run.initializations:
        return None
    return settings.pretrain_for(dataset).model_dump()


def _filters(results: Sequence[Outcome]) -> dict[str, Any]:
    seeds = {o.arm.key: exhibits.best_seed(o) for o in results if not o.failed}
    return {"rule": exhibits.FILTERS_RULE, "seeds": seeds}


def _paper(dataset: str, results: Sequence[Outcome]) -> dict[str, Any]:
    """Return what the paper says of this dataset's arms: marks of the errors, zeros (a share)."""
    arms = [outcome.arm for outcome in results]
    found = {
        arm.key: published.TABLE_1.get((dataset, arm.activation, arm.initialization))
        for arm in arms
    }
    zeros = published.ZEROS.get(dataset)
    return {
        "source": published.SOURCE,
        "marks": {key: number.mark for key, number in found.items() if number},
        "rectifier_zeros": zeros.value if zeros else None,
    }
