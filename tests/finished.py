"""Tiny finished arms on disk in the form of the stages, for tests of tracking."""

from pipeline.config.arms import Arm
from pipeline.config.params import Params
from pipeline.networks import population
from pipeline.runtime import storage
from tests import synthetic

SEEDS, EPOCHS, HIDDEN = 3, 5, [6, 6]


RANDOM = Arm("digits", "rectifier", "random")
PRETRAINED = Arm("digits", "tanh", "pretrained")
FAILED = Arm("digits", "softplus", "random")


def settings(seeds=SEEDS):
    """Return params of a comparison of tiny networks."""
    content = synthetic.settings(seeds=seeds).model_dump()
    content["datasets"]["digits"]["network"]["hidden"] = HIDDEN
    return Params.model_validate(content)


def best_of(seed):
    """Return scores whose best seed by validation is the worst by test."""
    scores = synthetic.scores(RANDOM, SEEDS)
    for score in scores:
        better = score["seed"] == seed
        score |= {"valid_error": 0.1 if better else 0.2, "test_error": 0.3 if better else 0.15}
    return scores


def failed():
    """Return scores of which the first seed's every rate diverged."""
    first, *others = synthetic.scores(FAILED, SEEDS)
    return [synthetic.fail(first), *others]


def fine_tuning(scores, epochs=EPOCHS):
    """Return the records of fine-tuning: two rates a seed, the first one chosen."""
    lines = []
    for score in scores:
        for rate in (0.1, 0.01):
            base = (score["valid_error"] or 0.9) + (rate == 0.01) * 0.05
            errors = [base + (epochs - n) / 50 for n in range(1, epochs + 1)]
            lines.append(
                {
                    "seed": score["seed"],
                    "learning_rate": rate,
                    "best_epoch": epochs,
                    "epochs": epochs,
                    "valid_error": base,
                    "valid_cost": base * 3,
                    "dead_units": 0.0,
                    "diverged": score["test_error"] is None,
                    "chosen": rate == 0.1 and score["test_error"] is not None,
                    "train_costs": [1 / n for n in range(1, epochs)] + [None],
                    "valid_errors": errors,
                    "zeros": [[0.5, 0.25]] * epochs,
                    "gradient_norms": [[0.1, 0.2, 0.3]] * epochs,
                }
            )
    return lines


def auto_encoders(arm):
    """Return the records of pre-training: none for random starts."""
    if arm.initialization == "random":
        return []
    costs = [3.0, 2.0, 1.5]
    return [
        {"seed": seed, "layer": layer, "learning_rate": rate, "chosen": rate == 0.1}
        | {"valid_costs": costs if rate == 0.1 else [4.0], "train_costs": costs}
        for seed in range(SEEDS)
        for layer in (1, 2)
        for rate in (0.1, 0.01)
    ]


def stack_of(arm, params):
    """Return the arm's networks."""
    unit = params.activation(arm.activation)
    return population.initialize("digits", [64, *HIDDEN, 2], range(params.run.seeds), unit)


def write(arm, params, scores=None):
    """Write a finished arm's files in the current folder."""
    scores = scores or synthetic.scores(arm, params.run.seeds)
    population.save(stack_of(arm, params), arm.networks / "weights.safetensors")
    storage.write_lines(arm.networks / "records.jsonl", fine_tuning(scores))
    storage.write_lines(arm.start / "records.jsonl", auto_encoders(arm))
    storage.write_lines(arm.scores / "records.jsonl", scores)
    storage.write_json(arm.scores / "about.json", synthetic.about(arm, params))
    for split in ("train", "valid"):
        synthetic.write_split(arm.ready / f"{split}.npz")
