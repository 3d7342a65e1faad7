"""The grid of learning rates, and which of its networks is kept."""

from pipeline.population import Candidate, Result


def grid(seeds: int, learning_rates: list[float], l1: float) -> list[Candidate]:
    """Return a candidate for each seed and rate, the seeds in order."""
    return [Candidate(seed, rate, l1) for seed in range(seeds) for rate in learning_rates]


def choose(candidates: list[Candidate], results: list[Result]) -> dict[int, int]:
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


def _criteria(result: Result) -> tuple[float, ...]:
    assert result.best is not None
    return tuple(result.best.values())
