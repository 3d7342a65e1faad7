"""Runs simulated from a known truth: what verdicts on claims are tested with."""

import math

from pipeline.claims.groups import ARMS, Group

TEST_EXAMPLES = 10_000


def arm(key, errors, zeros, dead):
    """Return one arm's rows from its values by seed, in falling order of seed."""
    activation, initialization = key.rsplit("-", 1)
    values = list(zip(errors, zeros, dead, strict=True))
    return [
        {
            "activation": activation,
            "initialization": initialization,
            "seed": seed,
            "test_error": float(values[seed][0]),
            "test_examples": TEST_EXAMPLES,
            "zeros": float(values[seed][1]),
            "zeros_by_layer": [0.0] if activation == "tanh" else [float(values[seed][1])],
            "dead_units": float(values[seed][2]),
        }
        for seed in reversed(range(len(values)))
    ]


def simulate(rng, means, seeds, *, spread=0.002, zeros=0.5, dead=0.1):
    """Return six arms with these true means; half of the variance is shared by the arms."""
    shared = rng.normal(size=seeds)
    return [
        row
        for key, mean in means.items()
        for row in arm(
            key,
            mean + spread * math.sqrt(0.5) * (shared + rng.normal(size=seeds)),
            rng.normal(zeros, 0.03, seeds),
            rng.normal(dead, 0.01, seeds),
        )
    ]


def found(rows) -> dict[str, dict[str, Group]]:
    """Return rows of arms as what verdicts judge."""
    return {ARMS.name: ARMS.groups(rows)}
