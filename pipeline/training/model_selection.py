"""The grid of learning rates, and which of its networks is kept."""

from collections.abc import Sequence

from pipeline.training.state import History, Trial


def grid(seeds: int, learning_rates: Sequence[float], l1: Sequence[float]) -> list[Trial]:
    """Return a candidate for each seed and rate, the seeds in order.

    `l1` holds the seeds' penalties on the activations: one for all, or one each.
    """
    penalties = list(l1) * (seeds if len(l1) == 1 else 1)
    return [
        Trial(seed, rate, penalty)
        for seed, penalty in zip(range(seeds), penalties, strict=True)
        for rate in learning_rates
    ]


def choose(candidates: list[Trial], results: list[History]) -> dict[int, int]:
    """Return, for each seed that has one, the position of its best network by its criteria."""
    chosen: dict[int, int] = {}
    for k, (candidate, result) in enumerate(zip(candidates, results, strict=True)):
        if result.diverged or result.best is None:
            continue
        rival = chosen.get(candidate.seed)
        if rival is None or _criteria(result) < _criteria(results[rival]):
            chosen[candidate.seed] = k
    return chosen


def kept(chosen: dict[int, int], seeds: int, rates: int) -> list[int]:
    """Return one position a seed: of its chosen network, or of its first where none is eligible."""
    return [chosen.get(seed, seed * rates) for seed in range(seeds)]


def _criteria(result: History) -> tuple[float, ...]:
    assert result.best is not None
    return tuple(result.best.values())
