"""Grid of learning rates, and selection of one network per seed."""

from collections.abc import Sequence

from pipeline.training.state import History, Trial


def grid(seeds: int, learning_rates: Sequence[float], l1: Sequence[float]) -> list[Trial]:
    """Return a trial for each seed and learning rate, ordered by seed.

    `l1` holds one penalty on the hidden outputs for all seeds, or one per seed.
    """
    penalties = list(l1) * (seeds if len(l1) == 1 else 1)
    return [
        Trial(seed, rate, penalty)
        for seed, penalty in zip(range(seeds), penalties, strict=True)
        for rate in learning_rates
    ]


def choose(trials: list[Trial], histories: list[History]) -> dict[int, int]:
    """Return, by seed, the position of its best trial; ties go to the earlier trial.

    Diverged trials are not eligible: a seed without an eligible trial is missing.
    """
    chosen: dict[int, int] = {}
    for k, (trial, history) in enumerate(zip(trials, histories, strict=True)):
        if history.diverged or history.best is None:
            continue
        rival = chosen.get(trial.seed)
        if rival is None or _criteria(history) < _criteria(histories[rival]):
            chosen[trial.seed] = k
    return chosen


def chosen_or_first(chosen: dict[int, int], seeds: int, rates: int) -> list[int]:
    """Return one position per seed: its chosen trial, or its first if none is eligible."""
    return [chosen.get(seed, seed * rates) for seed in range(seeds)]


def _criteria(history: History) -> tuple[float, ...]:
    assert history.best is not None
    return tuple(history.best.values())
