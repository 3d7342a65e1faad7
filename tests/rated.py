"""Synthetic results of reviews in the form of the stages, for tests of reports."""

from pathlib import Path

import numpy as np

from pipeline.analysis import comparison, results
from pipeline.config import params
from pipeline.config.arms import arms_of
from pipeline.evaluation.baselines import COLUMNS
from pipeline.networks import population
from pipeline.runtime import csv_files, storage
from stages import compare
from tests import synthetic

LAYERS = {"linear": 0, "rectifier-1": 1, "rectifier": 2, "tanh": 2}
# Test error, RMSE in stars.
MEANS = {"linear": (0.36, 0.90), "rectifier-1": (0.33, 0.82), "rectifier": (0.3, 0.74)}
MEANS |= {"tanh": (0.32, 0.78), "logistic": (0.31, 0.80), "constant": (0.6, 1.2)}
NOISE = {
    "learning_rates": [0.1], "batch_size": 10, "epochs": 2, "patience": 1, "corruption": 0.8,
    "corruption_above": [0.5, 0.3], "tied": True, "salt": 0.005, "rebuilt": 0.2,
    "reconstructions": {"rectifier": "scaled", "rectifier-1": "scaled"},
}  # fmt: skip


def settings(dataset, seeds=4, activations=tuple(LAYERS)):
    """Return the Params of a comparison of networks of different depths."""
    content = synthetic.settings(dataset, seeds).model_dump()
    unit = content["activations"]["rectifier"]
    content["activations"] = {n: unit | {"layers": LAYERS[n]} for n in activations}
    content["run"]["activations"] = list(activations)
    content["datasets"][dataset]["pretrain"] = NOISE
    return params.Params.model_validate(content)


def values(seeds, key, initialization="random"):
    """Return the errors and RMSEs of an arm or baseline; pre-training takes a tenth off."""
    rng = np.random.default_rng([seeds, *key.encode()])
    shrink = 0.9 if initialization == "pretrained" else 1
    return [
        (shrink * error + 0.01 * z, shrink * rmse + 0.01 * z)
        for z in rng.normal(size=seeds).tolist()
        for error, rmse in [MEANS[key]]
    ]


def scores(arm, seeds, *, stars):
    """Return the scores of an arm, one a seed."""
    layers, one = LAYERS[arm.activation], synthetic.scores(synthetic_arm(arm), seeds)
    found = values(seeds, arm.activation, arm.initialization)
    zeros = [0.62, 0.74][:layers]
    return [
        line
        | {"dataset": arm.dataset, "activation": arm.activation, "test_examples": 200}
        | {"test_error": error, "zeros": sum(zeros) / layers if layers else 0.985}
        | {"zeros_by_layer": zeros}
        | ({"test_rmse": rmse, "valid_rmse": rmse - 0.02} if stars else {})
        for line, (error, rmse) in zip(one, found, strict=True)
    ]


def synthetic_arm(arm):
    """Return an arm with synthetic scores."""
    return synthetic.Arm(arm.dataset, "rectifier", arm.initialization)


def card(dataset, folds):
    """Return a card of texts."""
    split = {"examples": 200, "by_class": [100, 100]}
    text = {"unlabeled": 7, "terms": 64, "ngrams": [1, 1], "terms_per_text": 3.0, "ones": 0.05}
    text |= {"frequent": ["the"], "repeated": 0, "bad_lines": []}
    options = {"terms": 64, "ngrams": [1, 1], "valid": 0.1, "test": 0.3}
    options |= {"folds": folds} if folds else {}
    return {
        **dict.fromkeys(("note", "own_files", "generator")),
        **{"dataset": dataset, "title": "Reviews", "address": "https://a.example/", "citation": ""},
        **{"license": "none", "files": [], "class_names": ["1", "5"], "shape": [64], "inputs": 64},
        **{"splits": dict.fromkeys(("train", "valid", "test"), split), "preparation": "bits"},
        **{"range": [0.0, 1.0], "rule": "Once and for all.", "options": options, "text": text},
    }


def baseline_rows(seeds, *, stars):
    """Return the rows of baselines.csv."""
    return [
        {"baseline": key, "seed": seed, "C": 0.1 if key == "logistic" else None}
        | {"converged": True if key == "logistic" else None, "valid_error": error}
        | {"test_error": error}
        | ({"valid_rmse": rmse, "test_rmse": rmse} if stars else {})
        for key in ("logistic", "constant")
        for seed, (error, rmse) in enumerate(values(seeds, key))
    ]


def write(
    patch, dataset="stars", *, stars=True, folds=10, seeds=4, change=None, activations=tuple(LAYERS)
):
    """Write the files of a dataset of reviews in the current folder, compare its arms, and return
    the results; `change` may alter the scores of an arm."""
    chosen = settings(dataset, seeds, activations)
    patch.setattr("pipeline.config.params.load", lambda: chosen)
    for arm in arms_of(chosen, dataset):
        lines = scores(arm, seeds, stars=stars)
        storage.write_lines(arm.scores / "records.jsonl", change(arm, lines) if change else lines)
        storage.write_json(arm.scores / "about.json", synthetic.about(arm, chosen))
        history = synthetic.history(synthetic_arm(arm), seeds)
        storage.write_lines(arm.networks / "records.jsonl", history)
        population.save(synthetic.stack(seeds), arm.networks / "weights.safetensors")
    for split in ("train", "valid"):
        synthetic.write_split(Path("data/ready", dataset, f"{split}.npz"))
    out = Path("results", dataset)
    storage.write_json(out / "card.json", card(dataset, folds))
    rows = baseline_rows(seeds if folds else 1, stars=stars)
    table = csv_files.as_csv(comparison.columns(COLUMNS, rows), rows)
    storage.write_bytes(out / "baselines.csv", table)
    compare.main(dataset)
    return results.read(out)
