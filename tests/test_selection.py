"""Selection of one network per seed."""

from pipeline.training.model_selection import choose, grid
from pipeline.training.state import History, Trial


def history(error: float, cost: float, *, diverged: bool = False) -> History:
    return History(best={"valid_errors": error, "valid_costs": cost}, diverged=diverged)


def test_lowest_error_then_lowest_cost_then_the_order_of_the_grid() -> None:
    """Seeds are independent; ties are broken by the next criterion, then by the grid's order."""
    trials = grid(3, [0.1, 0.01, 0.001], [0.0])
    histories = [history(0.2, 1), history(0.1, 9), history(0.3, 0)]
    histories += [history(0.1, 2), history(0.1, 3), history(0.1, 1)]
    histories += [history(0.1, 1), history(0.1, 1), history(0.1, 1)]
    assert choose(trials, histories) == {0: 1, 1: 5, 2: 6}


def test_diverged_networks_are_not_eligible() -> None:
    """A diverged network is not chosen, whatever its cost was; a seed may have no network."""
    trials = grid(2, [0.1, 0.01], [0.0])
    histories = [history(0.0, 0, diverged=True), history(0.5, 1)]
    histories += [history(0.0, 0, diverged=True), History(diverged=True)]
    assert choose(trials, histories) == {0: 1}


def test_grid_pairs_seeds_and_rates() -> None:
    """Every seed has a trial for every rate, with the arm's penalty."""
    assert grid(2, [0.1, 0.01], [0.5]) == [
        Trial(0, 0.1, 0.5),
        Trial(0, 0.01, 0.5),
        Trial(1, 0.1, 0.5),
        Trial(1, 0.01, 0.5),
    ]
