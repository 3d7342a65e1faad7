"""Patterns of active units: distributed codes (section 2.2).

A code is distributed where the set of active units, not one unit, distinguishes examples: nearly
every example has a pattern of its own. The information of single units about the class is measured
too: their mean mutual information in bits, with the correction of Miller and Madow.

Legend of shape suffixes: N examples, O units of a layer, C classes.
"""

import torch
from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.networks.population import Population
from pipeline.probes import representations
from pipeline.probes.probe import Probe
from pipeline.runtime.storage import Record

PAIRS = 1000  # examples that are compared with the next one, for the distance of patterns
COLUMNS = ["seed", "layer", "distinct", "distance", "information_bits", "active"]


def rows(stack: Population, test: Examples) -> list[Record]:
    """Return one row for each network (`seed`: its index) and layer.

    `distinct`: number of patterns over number of examples; `distance`: mean share of units that are
    active for only one of two examples; `information_bits`: mean over units; `active`: mean share
    of active units.
    """
    records = []
    for place, h_NO in representations.layers(stack, test):
        active_NO = representations.active(h_NO)
        some_NO = active_NO[:PAIRS]
        records.append(
            place
            | {
                "distinct": len(torch.unique(active_NO, dim=0)) / len(active_NO),
                "distance": float((some_NO != some_NO.roll(1, 0)).double().mean()),
                "information_bits": float(information(active_NO, test.y_N).mean()),
                "active": float(active_NO.double().mean()),
            }
        )
    return records


def information(active_NO: Tensor, y_N: Tensor) -> Tensor:
    """Return the mutual information [O] between each unit's activity and the class, in bits.

    A plug-in estimate less (cells used - rows used - columns used + 1) / (2 N ln 2), not below 0.
    """
    N, classes = len(y_N), int(y_N.max()) + 1
    one_hot_CN = torch.nn.functional.one_hot(y_N, classes).double().T
    on_CO = one_hot_CN @ active_NO.double()
    joint_2CO = torch.stack([on_CO, one_hot_CN.sum(1, keepdim=True) - on_CO]) / N
    unit_2O, class_C = joint_2CO.sum(1), joint_2CO.sum(0)[:, 0]
    expected_2CO = unit_2O[:, None] * class_C[None, :, None]
    terms_2CO = torch.where(joint_2CO > 0, joint_2CO * (joint_2CO / expected_2CO).log2(), 0.0)
    used = (joint_2CO > 0).sum((0, 1)) - (unit_2O > 0).sum(0) - (class_C > 0).sum() + 1
    bias_O = used / (2 * N * torch.tensor(2.0, dtype=torch.float64).log())
    return (terms_2CO.nan_to_num(0.0).sum((0, 1)) - bias_O).clamp(min=0)


PROBE = Probe(
    "Is the code distributed, though sparse? (Section 2.2; claim 17.)",
    COLUMNS,
    lambda stack, splits: rows(stack, splits.test),
)
