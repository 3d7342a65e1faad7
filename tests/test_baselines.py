"""The baselines of texts, against their own definitions."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.sparse_batch import SparseRows
from pipeline.data.splits.vocabulary import Vocabulary
from pipeline.evaluation import baselines
from pipeline.runtime.errors import Problem

TERMS, STARS = 30, (1.0, 3.0, 4.5)


def texts(count: int, draw: int, *, stars: bool = True, noise: float = 0.5) -> Examples:
    """Return random bits whose labels follow a fixed direction, with noise."""
    draws = np.random.default_rng([7, draw])
    bits_NI = draws.random((count, TERMS)) < 0.2
    weights_IC = np.random.default_rng(5).normal(size=(TERMS, 3))
    scores_NC = bits_NI @ weights_IC + noise * draws.gumbel(size=(count, 3))
    return examples(bits_NI, scores_NC.argmax(1), stars=stars)


def examples(bits_NI, y_N, *, stars: bool = True) -> Examples:
    bits = csr_matrix(bits_NI)
    x_NI = SparseRows(
        torch.from_numpy(bits.indptr.astype(np.int64)),
        torch.from_numpy(bits.indices),
        bits.shape[1],
    )
    vocabulary = Vocabulary(tuple(f"term{i}" for i in range(bits.shape[1])), stars=stars)
    names = tuple(f"{value:g}" for value in STARS)
    form = Encoding((bits.shape[1],), names, vocabulary=vocabulary)
    return Examples(x_NI, torch.as_tensor(y_N, dtype=torch.int64), form)


PARTS = texts(150, 0, noise=2), texts(60, 1, noise=2), texts(80, 2, noise=2)


def probabilities(weights_CI, biases_C, some: Examples) -> torch.Tensor:
    assert isinstance(some.x_NI, SparseRows)
    return (some.x_NI.dense().double() @ weights_CI.T + biases_C).softmax(1)


def rmse(p_NC, some: Examples) -> float:
    stars_C = torch.tensor(STARS, dtype=torch.float64)
    return math.sqrt(float((p_NC @ stars_C - stars_C[some.y_N]).square().mean()))


def by_autograd(train: Examples, C: float):
    """Minimize the penalized likelihood with torch alone, densely."""
    assert isinstance(train.x_NI, SparseRows)
    x_NI = train.x_NI.dense().double()
    weights_CI = torch.zeros(3, TERMS, dtype=torch.float64, requires_grad=True)
    biases_C = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [weights_CI, biases_C], max_iter=2000, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def cost():
        search.zero_grad()
        log_p_NC = (x_NI @ weights_CI.T + biases_C).log_softmax(1)
        total = -log_p_NC.gather(1, train.y_N[:, None]).sum() + weights_CI.square().sum() / (2 * C)
        total.backward()
        return total

    search.step(cost)
    return weights_CI.detach(), biases_C.detach()


def test_the_logistic_regression_is_that_of_the_definition() -> None:
    """The same C, errors, cost and RMSE as a dense minimization, chosen on validation alone."""
    train, valid, test = PARTS
    found, kept = [], {}
    for C in baselines.GRID:
        fitted = by_autograd(train, C)
        p_NC = probabilities(*fitted, valid)
        error = float((p_NC.argmax(1) != valid.y_N).double().mean())
        cost = -float(p_NC.gather(1, valid.y_N[:, None]).log().mean())
        found.append((rmse(p_NC, valid), cost, error, C))
        kept[C] = fitted
    valid_rmse, cost, error, C = min(found)
    said = baselines.logistic(train, valid, test)
    p_NC = probabilities(*kept[C], test)
    assert said["C"] == C
    assert said["valid_error"] == pytest.approx(error)
    assert said["valid_rmse"] == pytest.approx(valid_rmse, rel=1e-3)
    assert said["valid_cost"] == pytest.approx(cost, rel=1e-3)
    assert said["test_error"] == pytest.approx(float((p_NC.argmax(1) != test.y_N).double().mean()))
    assert said["test_rmse"] == pytest.approx(rmse(p_NC, test), rel=1e-3)
    assert said["converged"]


def test_validation_chooses_and_is_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Error first, then cost, then the grid's order; every fit sees the training part alone."""
    train, valid, test = PARTS
    seen, fit = [], baselines._fit
    monkeypatch.setattr(baselines, "_fit", lambda some, C: (seen.append(some), fit(some, C))[1])
    for criteria, wanted in (
        ([(0.2, 1.0), (0.1, 3.0), (0.1, 2.0), (0.3, 0.1)], baselines.GRID[2]),
        ([(0.1, 1.0)] * 4, baselines.GRID[0]),
    ):
        told = iter(criteria)
        monkeypatch.setattr(baselines, "_criteria", lambda *_, told=told: next(told))
        assert baselines.logistic(train, valid, test)["C"] == wanted
    assert all(some is train for some in seen)


def test_it_learns_and_repeats() -> None:
    """Clean labels are learned far below the constant's error; the same splits, the same record."""
    train, valid, test = (texts(count, n, noise=0) for n, count in enumerate((400, 100, 200)))
    first = baselines.logistic(train, valid, test)
    assert first == baselines.logistic(train, valid, test)
    flat = baselines.constant(train, test, test)
    assert first["test_error"] < 0.5 * flat["test_error"]
    assert first["test_rmse"] < 0.6 * flat["test_rmse"]


def test_the_constant_is_the_most_frequent_class() -> None:
    """The majority of the training labels and the mean of its stars, by hand."""
    bits_NI = np.eye(4)
    train = examples(bits_NI, [0, 2, 2, 1])  # 1, 4.5, 4.5, 3: mean 3.25
    test = examples(bits_NI, [0, 1, 2, 1])
    said = baselines.constant(train, test, test)
    assert said["test_error"] == 0.75
    wanted = math.sqrt((2.25**2 + 0.25**2 + 1.25**2 + 0.25**2) / 4)
    assert said["test_rmse"] == pytest.approx(wanted)


def test_labels_that_are_no_stars_have_no_rmse() -> None:
    """Labels of polarity have an error and no RMSE."""
    train, valid, test = (texts(60, n, stars=False) for n in range(3))
    assert baselines.logistic(train, valid, test)["test_rmse"] is None
    assert baselines.constant(train, test, test)["test_rmse"] is None


def test_a_class_that_training_does_not_show_has_probability_zero() -> None:
    """Few labels may miss a class: its validation cost is infinite, and the error decides."""
    train, valid, test = PARTS
    without = train.select(torch.nonzero(train.y_N != 1).flatten())
    said = baselines.logistic(without, valid, test)
    assert math.isinf(said["valid_cost"])
    assert said["test_error"] >= float((test.y_N == 1).double().mean())
    only = train.select(torch.nonzero(train.y_N == 1).flatten())
    with pytest.raises(Problem, match="of one class: add"):
        baselines.logistic(only, valid, test)


def test_a_fit_that_did_not_converge_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few steps: no warning, but the record has `converged` False."""
    monkeypatch.setattr(baselines, "MOST_STEPS", 2)
    assert not baselines.logistic(*PARTS)["converged"]


def test_other_inputs_are_no_texts() -> None:
    """Binary inputs only."""
    dense = dataclasses.replace(PARTS[0], x_NI=torch.zeros(150, TERMS))
    with pytest.raises(AssertionError, match="not texts"):
        baselines.logistic(dense, *PARTS[1:])
