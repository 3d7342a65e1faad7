"""Questions whose answer is known, asked of data that are made for them.

`python -m tests.campaigns.known_answers --questions 20` prints a line for each question, then how
many of each kind were answered rightly. The kinds:

- one-sided: the label is whether a sum of rectified projections is large, so that a few rectifiers
  represent it and as many tanh units do not: the rectifier must win;
- symmetric: the label is whether a projection is far from 0 on either side, so that the unit |x|
  represents it and as many monotone units do not: it must win against tanh;
- none: two names of one unit. Rectifiers whose outputs are half negated, and rectifiers whose are
  not, have the same distribution over random starts (docs/protocol.md): neither may win.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import params
from pipeline.questions import looks
from pipeline.questions.question import LOOKS, SHARES, Question, block
from pipeline.questions.training import prepare

ROOT = Path(__file__).parents[2]
Arrays = tuple[NDArray[np.float64], NDArray[np.int64]]
UNITS, INPUTS, EXAMPLES = 8, 6, 2000


def one_sided(rng: np.random.Generator) -> Arrays:
    x_NI = rng.normal(size=(EXAMPLES, INPUTS))
    sums_N = np.maximum(x_NI @ rng.normal(size=(INPUTS, UNITS)), 0).sum(1)
    return x_NI, (sums_N > np.median(sums_N)).astype(np.int64)


def symmetric(rng: np.random.Generator) -> Arrays:
    x_NI = rng.normal(size=(EXAMPLES, INPUTS))
    z_N = np.abs(x_NI @ rng.normal(size=INPUTS))
    return x_NI, (z_N > np.median(z_N)).astype(np.int64)


KINDS = {  # data, units of the one hidden layer, arms, the winner
    "one-sided": (one_sided, UNITS, ("rectifier-plain", "tanh"), "rectifier-plain"),
    "symmetric": (symmetric, 1, ("absolute", "tanh"), "absolute"),
    "none": (one_sided, UNITS, ("rectifier", "rectifier-plain"), None),
}


def asked(kind: str, number: int, most: int) -> tuple[bool, str]:
    """Ask a question in a folder that is deleted; return whether the answer is right, in words."""
    data, units, activations, winner = KINDS[kind]
    base = params.load(ROOT / "params.yaml")
    plain = base.activations["rectifier"].model_copy(update={"half_negated": False})
    base = base.model_copy(update={"activations": base.activations | {"rectifier-plain": plain}})
    question = Question(
        dataset=f"made-{number}",
        activations=[*activations],
        initializations=["random"],
        looks=[look for look in LOOKS if look <= most],
    )
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        x_NI, y_N = data(np.random.default_rng([number, *kind.encode()]))
        np.savez("data.npz", X=x_NI, y=y_N)
        made = block({"npz": "data.npz"}, SHARES | {"scaling": "standardized"}, len(x_NI))
        made = made.model_copy(
            update={
                "network": made.network.model_copy(update={"hidden": [units]}),
                "finetune": {"epochs": 20, "patience": 10, "learning_rates": [0.1, 0.01]},
            }
        )
        settings = question.settings(base, made, question.looks[0])
        prepare(settings, question.dataset)
        answer = looks.answer(
            *(question, settings, made),
            seeds=question.looks[0],
            seconds=float("inf"),
            per_seed=0.0,
            say=lambda _: None,
        )
        os.chdir(here)
    decision = answer.decisions[0]
    better = {"lower": decision.first, "higher": decision.second}.get(decision.verdict)
    right = better == (winner and f"{winner}-random")
    means = [f"{100 * (outcome.mean('test_error') or 0):.2f}%" for outcome in answer.outcomes]
    return right, f"{' and '.join(means)}, {decision.verdict} at {decision.seeds} seeds"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--kinds", nargs="*", default=[*KINDS])
    parser.add_argument("--most", type=int, default=LOOKS[-1], help="seeds of the last look")
    options = parser.parse_args()
    for kind in options.kinds:
        right = 0
        for number in range(options.questions):
            good, words = asked(kind, number, options.most)
            right += good
            print(f"{kind} {number}: {'right' if good else 'WRONG'}: {words}", flush=True)
        print(f"{kind}: {right} of {options.questions} right", flush=True)


if __name__ == "__main__":
    main()
