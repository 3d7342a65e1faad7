"""Linear separability of the classes by hidden layer (section 2.2).

Logistic regressions (scikit-learn) on the standardized input and on each standardized hidden layer
are fitted on training examples; the strength of the penalty is chosen on validation.

Legend of shape suffixes: N examples, O units of a layer.
"""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.splits.examples import Examples
from pipeline.networks.population import Population
from pipeline.probes import representations
from pipeline.probes.probe import Probe
from pipeline.runtime.storage import Record

MOST_EXAMPLES = 5000  # of the training split, the first ones
C_GRID = (0.01, 1.0)  # scikit-learn's C: the inverse of the penalty's strength
ITERATIONS = 100
MOST_SEEDS = 5  # each takes two fits a layer
COLUMNS = ["seed", "layer", "C", "valid_error", "test_error"]

Layers = list[NDArray[np.float32]]


def rows(stack: Population, train: Examples, valid: Examples, test: Examples) -> list[Record]:
    """Return one row for each network (`seed`: its index) and layer; layer 0 is the input.

    Only the first MOST_SEEDS networks have rows. Errors are fractions. The test error is of the
    penalty that validation chose.
    """
    some = train.select(torch.arange(min(MOST_EXAMPLES, len(train))))
    y = [split.y_N.cpu().numpy() for split in (some, valid, test)]
    inputs = [split.inputs(slice(None)).cpu().numpy() for split in (some, valid, test)]
    of_input = _probe(inputs, y)
    records = []
    for k in range(min(MOST_SEEDS, len(stack))):
        layers = [representations.every(stack.only(k), split) for split in (some, valid, test)]
        records.append({"seed": k, "layer": 0} | of_input)
        for layer, parts in enumerate(zip(*layers, strict=True), start=1):
            probed = _probe([h_NO.cpu().numpy() for h_NO in parts], y)
            records.append({"seed": k, "layer": layer} | probed)
    return records


def _probe(parts: Layers, y: list[NDArray[np.int64]]) -> Record:
    """Fit on the first part, choose the penalty on the second, test on the third."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    scaler = StandardScaler().fit(parts[0])
    train, valid, test = (scaler.transform(part) for part in parts)
    fitted = []
    with threadpool_limits(1), warnings.catch_warnings():  # small products: threads only wait
        warnings.simplefilter("ignore")  # it stops after ITERATIONS, converged or not
        for C in C_GRID:
            probe = LogisticRegression(C=C, max_iter=ITERATIONS).fit(train, y[0])
            fitted.append((1 - float(probe.score(valid, y[1])), C, probe))
    valid_error, C, probe = min(fitted, key=lambda one: one[:2])
    return {"C": C, "valid_error": valid_error, "test_error": 1 - float(probe.score(test, y[2]))}


PROBE = Probe(
    "Is a higher layer easier for a linear classifier? (Section 2.2; claim 17.)",
    COLUMNS,
    lambda stack, splits: rows(stack, splits.train, splits.valid, splits.test),
)
