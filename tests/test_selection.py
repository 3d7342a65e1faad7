"""The rule that chooses a network for each seed."""

from pipeline.training.model_selection import choose, grid
from pipeline.training.state import History, Trial


def result(error: float, cost: float, *, diverged: bool = False) -> History:
    return History(best={"valid_errors": error, "valid_costs": cost}, diverged=diverged)


def test_lowest_error_then_lowest_cost_then_the_order_of_the_grid() -> None:
    """Each seed chooses by itself; ties go down the list of criteria."""
    candidates = grid(3, [0.1, 0.01, 0.001], [0.0])
    results = [result(0.2, 1), result(0.1, 9), result(0.3, 0)]
    results += [result(0.1, 2), result(0.1, 3), result(0.1, 1)]
    results += [result(0.1, 1), result(0.1, 1), result(0.1, 1)]
    assert choose(candidates, results) == {0: 1, 1: 5, 2: 6}


def test_diverged_networks_are_not_eligible() -> None:
    """However good it was before: a diverged network is not chosen, and a seed may have none."""
    candidates = grid(2, [0.1, 0.01], [0.0])
    results = [result(0.0, 0, diverged=True), result(0.5, 1)]
    results += [result(0.0, 0, diverged=True), History(diverged=True)]
    assert choose(candidates, results) == {0: 1}


def test_grid_pairs_seeds_and_rates() -> None:
    """Every seed has every rate, and the penalty of the arm."""
    assert grid(2, [0.1, 0.01], [0.5]) == [
        Trial(0, 0.1, 0.5),
        Trial(0, 0.01, 0.5),
        Trial(1, 0.1, 0.5),
        Trial(1, 0.01, 0.5),
    ]
