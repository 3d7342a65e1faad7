"""Synthetic records in the form of the training stages."""

from pathlib import Path

import numpy as np
import torch

from pipeline.config import params
from pipeline.config.arms import Arm, arms_of
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.networks.population import Population, save
from pipeline.pretraining import layerwise
from pipeline.runtime import storage

MEANS = {
    "rectifier-random": 0.031, "rectifier-pretrained": 0.029, "tanh-random": 0.034,
    "tanh-pretrained": 0.0315, "softplus-random": 0.038, "softplus-pretrained": 0.033,
}  # fmt: skip


def settings(dataset="digits", seeds=10, **run):
    """Return Params of a small comparison."""
    schedule = {"learning_rates": [0.1, 0.01], "batch_size": 10, "epochs": 40, "patience": 15}
    unit = {"l1": 0.001, "half_negated": False, "reconstruction": "softplus"}
    names = ["rectifier", "tanh", "softplus"]
    lists = {"experiments": ["hardness"], "probes": ["overlap"], "activations": names}
    run = lists | {"initializations": ["random", "pretrained"], "seeds": seeds} | run
    return params.Params.model_validate(
        {
            "run": {"datasets": [dataset], **run},
            "pretrain": schedule | {"corruption": 0.25, "tied": True},
            "finetune": schedule,
            "sweep": {"seeds": 5, "learning_rates": [0.1]},
            "experiments": {},
            "compare": {"confidence": 0.95, "significance": 0.05},
            "activations": {n: unit | {"function": n} for n in names},
            "datasets": {
                dataset: {"network": {"hidden": [64, 64]}}
                | {part: {} for part in ("source", "preprocess", "pretrain", "finetune")}
            },
        }
    )


def scores(arm: Arm, seeds: int, *, spread=0.003, draw=0) -> list[storage.Record]:
    """Return the scores of one arm; seeds share an effect across arms, as pairing makes them."""
    shared = np.random.default_rng([draw, 0]).normal(size=seeds)
    own = np.random.default_rng([draw, *arm.key.encode()]).normal(size=seeds)
    errors = MEANS[arm.key] + spread * (0.7 * shared + 0.7 * own)
    zeros = [0.62, 0.74] if arm.activation == "rectifier" else [0.0, 0.0]
    return [
        {
            "dataset": arm.dataset,
            "activation": arm.activation,
            "initialization": arm.initialization,
            "seed": seed,
            "learning_rate": 0.1 if seed % 3 else 0.01,
            "pretrain_learning_rates": [0.1, 0.01] if arm.initialization == "pretrained" else [],
            "best_epoch": 10 + seed,
            "valid_error": float(errors[seed]) * 0.9,
            "valid_cost": float(errors[seed]) * 3,
            "test_error": float(errors[seed]),
            "test_examples": 297,
            "zeros": sum(zeros) / 2,
            "zeros_by_layer": zeros,
            "dead_units": 0.0125 if arm.activation == "rectifier" else 0.0,
            "diverged": [0.1] if arm.activation == "softplus" and not seed % 3 else [],
            "pretrain_diverged": [],
        }
        for seed in range(seeds)
    ]


def fail(record: storage.Record) -> storage.Record:
    """Return the score of a seed at which every learning rate diverged."""
    names = "learning_rate best_epoch valid_error valid_cost test_error zeros dead_units"
    unknown = dict.fromkeys(names.split())
    return record | unknown | {"zeros_by_layer": [], "diverged": [0.1, 0.01]}


def history(arm: Arm, seeds: int) -> list[storage.Record]:
    """Return the records of fine-tuning of one arm: two rates a seed, the first one chosen."""
    rng = np.random.default_rng([1, *arm.key.encode()])
    lines = []
    for seed in range(seeds):
        epochs = np.arange(1, int(rng.integers(25, 40)) + 1)
        errors = MEANS[arm.key] + 0.5 * np.exp(-epochs / (2 + 4 * ("random" in arm.key)))
        errors += rng.normal(size=len(epochs)) * 0.001
        common = {"seed": seed, "valid_errors": errors.tolist(), "diverged": False}
        lines += [common | {"chosen": True, "learning_rate": 0.1}]
        lines += [common | {"chosen": False, "learning_rate": 0.01, "valid_errors": [0.9]}]
    return lines


def about(arm: Arm, chosen: params.Params) -> storage.Record:
    """Return the settings that an arm was made with."""
    finetune = chosen.finetune_for(arm.dataset).model_dump()
    place = {"device": "cpu", "torch": "2.13.0"}
    return layerwise.about(arm, chosen) | {"finetune": finetune} | place


def stack(seeds: int, inputs=64, width=64) -> Population:
    """Return first-layer weights with the shape of strokes."""
    rng = np.random.default_rng(0)
    side = int(inputs**0.5)
    y, x = np.mgrid[:side, :side] - side / 2
    angle, phase = (
        rng.uniform(0, 3.2, (seeds * width, 1, 1)),
        rng.uniform(0, 6, (seeds * width, 1, 1)),
    )
    waves = np.cos(x * np.cos(angle) + y * np.sin(angle) + phase) * np.exp(-(x**2 + y**2) / side)
    W_KOI = waves.reshape(seeds, width, inputs) + 0.1 * rng.normal(size=(seeds, width, inputs))
    W_KIO = torch.tensor(W_KOI, dtype=torch.float32).mT.contiguous()
    return Population({"W.0": W_KIO, "hardness": torch.ones(seeds, 1, 1)}, "rectifier")


def write(chosen: params.Params, dataset: str) -> None:
    """Write the input files of compare in the current folder."""
    for arm in arms_of(chosen, dataset):
        storage.write_lines(arm.scores / "records.jsonl", scores(arm, chosen.run.seeds))
        storage.write_json(arm.scores / "about.json", about(arm, chosen))
        storage.write_lines(arm.networks / "records.jsonl", history(arm, chosen.run.seeds))
        save(stack(chosen.run.seeds), arm.networks / "weights.safetensors")
    for split in ("train", "valid"):
        write_split(Path("data/ready", dataset, f"{split}.npz"))


def write_split(path: Path) -> None:
    """Write four examples of 8 x 8 inputs."""
    form = Encoding((8, 8), ("even", "odd"))
    examples.write(Split(np.zeros((4, 64), np.float32), np.arange(4) % 2, form), path)
