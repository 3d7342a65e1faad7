"""Mean shift of hidden layers: distance of the outputs from mean 0.

The rectifier's outputs are never below 0, so their mean is not 0; negated outputs, batch
normalization and units with outputs below 0 are said to correct this. The shift of a layer is the
length of its mean output over the root mean square length of an output: 0 if positive and negative
outputs of each unit cancel, 1 if the output is the same for every example. Negating a unit does not
change the shift.

Legend of shape suffixes: N examples, O units of a layer.
"""

from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.networks import metrics
from pipeline.networks.population import Population
from pipeline.probes import representations
from pipeline.probes.probe import Probe
from pipeline.runtime.storage import Record

COLUMNS = ["seed", "layer", "shift", "test_error"]


def rows(stack: Population, test: Examples) -> list[Record]:
    """Return one row for each network (`seed`: its index) and layer; errors are fractions."""
    errors = metrics.evaluate(stack, test).errors_K.tolist()
    return [
        place | {"shift": shift(h_NO), "test_error": errors[place["seed"]]}
        for place, h_NO in representations.layers(stack, test)
    ]


def shift(h_NO: Tensor) -> float:
    """Return the distance of outputs [N, O] from mean 0, in [0, 1]; 0 where all are 0.

    >>> import torch
    >>> round(shift(torch.tensor([[1.0, -2.0], [-1.0, -2.0]])) ** 2, 6)
    0.8
    """
    h_NO = h_NO.double()
    square = float(h_NO.square().sum(1).mean())
    return (float(h_NO.mean(0).square().sum()) / square) ** 0.5 if square > 0 else 0.0


PROBE = Probe(
    "Are outputs of mean 0 better? (Critics; claim 35.)",
    COLUMNS,
    lambda stack, splits: rows(stack, splits.test),
)
