"""Baselines of classification: a constant answer and, for texts, a logistic regression.

Legend of shape suffixes: N examples, I inputs, C classes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.splits.examples import Examples
from pipeline.data.splits.per_seed import Data, PerSeed
from pipeline.data.splits.sparse_batch import SparseRows
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

COLUMNS = ["baseline", "seed", "C", "converged", "valid_error", "test_error"]
GRID = (0.001, 0.01, 0.1, 1.0)  # of C, as many values as the paper's grid of learning rates
MOST_STEPS = 2000  # of L-BFGS


def rows(train: Data, valid: Data, test: Data, *, seeds: Sequence[int]) -> list[Record]:
    """Return one row for each baseline and seed; seed 0 alone where all seeds share a split.

    Texts have the logistic regression and the constant, other data the constant alone. Columns are
    `COLUMNS` and, where labels are stars, `valid_rmse` and `test_rmse`.
    """
    seeds = seeds if isinstance(test, PerSeed) else [0]
    scores: list[Record] = []
    for seed in seeds:
        splits = [data.of(seed) for data in (train, valid, test)]
        if train.encoding.vocabulary:
            scores.append({"baseline": "logistic", "seed": seed} | logistic(*splits))
        scores.append({"baseline": "constant", "seed": seed} | constant(*splits))
    return [_columns(row) for row in scores]


def _columns(row: Record) -> Record:
    """Return a row without RMSEs where labels are no stars, and without the validation cost."""
    rmses = ("valid_rmse", "test_rmse")
    left_out = {name for name in rmses if row[name] is None}
    return {name: value for name, value in row.items() if name not in {*left_out, "valid_cost"}}


def logistic(train: Examples, valid: Examples, test: Examples) -> Record:
    """Return the scores of scikit-learn's logistic regression on presence bits of labeled texts.

    `C`, the inverse strength of the L2 penalty, is chosen from `GRID` as networks are chosen: by
    the lowest validation error (RMSE where labels are stars), then the lowest validation cost, then
    the order of the grid. The model is not fitted again with the validation examples. Errors are
    fractions in [0, 1], the cost is in nats, RMSEs are those of the expected stars, or None where
    labels are no stars. `converged` is False where the chosen fit reached `MOST_STEPS`. The scores
    are deterministic.

    Raises Problem where the training examples are of one class alone.
    """
    fitted = [(_fit(train, C), C) for C in GRID]
    model, C = min(fitted, key=lambda pair: _criteria(_probabilities(pair[0], valid), valid))
    p_NC, valid_NC = _probabilities(model, test), _probabilities(model, valid)
    return {
        "C": C,
        "valid_error": _error(valid_NC, valid),
        "valid_cost": _cost(valid_NC, valid),
        "valid_rmse": _rmse(valid_NC, valid),
        "test_error": _error(p_NC, test),
        "test_rmse": _rmse(p_NC, test),
        "converged": int(model.n_iter_.max()) < MOST_STEPS,
    }


def constant(train: Examples, valid: Examples, test: Examples) -> Record:
    """Return the scores of one answer for every example, taken from the training split.

    Errors, fractions in [0, 1], are those of its most frequent class (of equals the first); RMSEs
    are those of its mean stars, or None where labels are no stars. Nothing is chosen.
    """
    p_C = np.bincount(train.y_N.cpu().numpy(), minlength=train.encoding.classes) / len(train)
    scores: Record = {"C": None, "converged": None}
    for name, split in (("valid", valid), ("test", test)):
        p_NC = np.broadcast_to(p_C, (len(split), len(p_C)))
        scores |= {f"{name}_error": _error(p_NC, split), f"{name}_rmse": _rmse(p_NC, split)}
    return scores


def _fit(train: Examples, C: float) -> "LogisticRegression":
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(train.y_N.unique()) < 2:
        raise Problem("all training examples are of one class: add examples of another")
    model = LogisticRegression(C=C, max_iter=MOST_STEPS)
    # One thread: sums split over threads depend on their number.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` records it
        return model.fit(_bits(train), train.y_N.numpy())


def _bits(examples: Examples) -> "csr_matrix":
    """Return the inputs [N, I] as a scipy matrix, float64."""
    from scipy.sparse import csr_matrix

    x_NI = examples.x_NI
    assert isinstance(x_NI, SparseRows), "not texts"
    ones_P = np.ones(len(x_NI.ones_P))
    return csr_matrix((ones_P, x_NI.ones_P.numpy(), x_NI.starts_M.numpy()), shape=x_NI.shape)


def _probabilities(model: "LogisticRegression", examples: Examples) -> NDArray[np.float64]:
    """Return the probabilities [N, C]; 0 for classes without training examples."""
    p_NC = np.zeros((len(examples), examples.encoding.classes))
    p_NC[:, model.classes_] = model.predict_proba(_bits(examples))
    return p_NC


def _criteria(p_NC: NDArray[np.float64], valid: Examples) -> tuple[float, float]:
    """Return the criteria that choose C, lower is better: RMSE of stars or error, then cost."""
    rmse = _rmse(p_NC, valid)
    return _error(p_NC, valid) if rmse is None else rmse, _cost(p_NC, valid)


def _cost(p_NC: NDArray[np.float64], examples: Examples) -> float:
    """Return the mean of -log P(class)."""
    with np.errstate(divide="ignore"):
        costs_N = -np.log(p_NC[np.arange(len(examples)), examples.y_N.numpy()])
    return float(costs_N.mean())


def _error(p_NC: NDArray[np.float64], examples: Examples) -> float:
    return float((p_NC.argmax(1) != examples.y_N.numpy()).mean())


def _rmse(p_NC: NDArray[np.float64], examples: Examples) -> float | None:
    """Return the root mean squared error of the expected stars; None where labels are no stars."""
    stars_C = examples.encoding.stars_C
    if stars_C is None:
        return None
    expected_N = torch.from_numpy(np.array(p_NC)) @ stars_C
    return float((expected_N - stars_C[examples.y_N]).square().mean().sqrt())
