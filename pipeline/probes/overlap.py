"""Overlap of active units before and after a small change of the input (section 2.2).

In a dense code any change of the input changes most of its entries; a robust sparse code keeps
nearly the same active units. Gaussian noise of a norm relative to the input's is added, and the
overlap of the active sets is their intersection over their union (Jaccard). Two references are
measured too: the overlap with another example of the same class, and with one of another class.

Units that are never exactly 0 (tanh, softplus) are always active, so that their overlap is 1. The
relative change |h(x + d) - h(x)| / |h(x)| compares them with other units.

Legend of shape suffixes: N examples, I inputs, O units of a layer.
"""

import torch
from torch import Tensor

from pipeline.data.splits.examples import Examples
from pipeline.networks.arithmetic import numerics
from pipeline.networks.population import Population
from pipeline.probes import representations
from pipeline.probes.probe import Probe
from pipeline.runtime.seeds import normals
from pipeline.runtime.storage import Record

NOISE = (0.01, 0.03, 0.1, 0.3, 1.0)  # norms relative to that of the input
EXAMPLES = 1000  # of the test split, the first ones
COLUMNS = ["seed", "layer", "change", "noise", "overlap", "relative_change"]


def rows(dataset: str, stack: Population, test: Examples) -> list[Record]:
    """Return one row for each network (`seed`: its index), layer and change.

    `change` is noise, of the norm `noise` relative to the input's, or another example of the same
    class or of another class. `overlap`, in [0, 1], and `relative_change` are
    means over the first EXAMPLES examples.
    """
    N = min(EXAMPLES, len(test))
    x_NI, y_N = test.inputs(slice(N)), test.y_N[:N]
    records = []
    for k in range(len(stack)):
        network = stack.only(k)
        clean = representations.of(network, x_NI)
        noise_NI = normals(dataset, k, "overlap", shape=tuple(x_NI.shape)).to(x_NI.device)
        noise_NI *= (norms(x_NI) / norms(noise_NI)).unsqueeze(1)
        for share in NOISE:
            changed = representations.of(network, x_NI + share * noise_NI)
            records += _rows(k, "noise", share, clean, changed)
        for change, partner_N in _partners(y_N).items():
            changed = [h_NO[partner_N] for h_NO in clean]
            records += _rows(k, change, None, clean, changed)
    return records


def _rows(
    k: int, change: str, noise: float | None, clean: list[Tensor], changed: list[Tensor]
) -> list[Record]:
    return [
        {
            "seed": k,
            "layer": layer,
            "change": change,
            "noise": noise,
            "overlap": float(
                overlap(representations.active(h_NO), representations.active(other_NO)).mean()
            ),
            "relative_change": float(
                (norms(other_NO - h_NO) / norms(h_NO).clamp(min=1e-12)).double().mean()
            ),
        }
        for layer, (h_NO, other_NO) in enumerate(zip(clean, changed, strict=True), start=1)
    ]


def norms(x_NO: Tensor) -> Tensor:
    """Return the Euclidean norm of each row [N]."""
    return numerics.sqrt(numerics.sums(x_NO.square()))


def overlap(first_NO: Tensor, second_NO: Tensor) -> Tensor:
    """Return the Jaccard overlap [N] of active units, in [0, 1]; 1 where no unit is active.

    >>> a, b = torch.tensor([[True, True, False]]), torch.tensor([[True, False, False]])
    >>> overlap(a, b).item()
    0.5
    """
    both_N, either_N = ((first_NO & second_NO).sum(1), (first_NO | second_NO).sum(1))
    return torch.where(either_N > 0, both_N.double() / either_N.clamp(min=1), 1.0)


def _partners(y_N: Tensor) -> dict[str, Tensor]:
    """Return the index [N] of the next example of the same class, and of another class."""
    N = len(y_N)
    partners: dict[str, list[int]] = {"same class": [], "other class": []}
    for n in range(N):
        following = torch.arange(n + 1, n + N) % N
        alike = y_N[following] == y_N[n]
        for name, suits in (("same class", alike), ("other class", ~alike)):
            partners[name].append(int(following[suits.int().argmax()]) if suits.any() else n)
    return {name: torch.tensor(indices) for name, indices in partners.items()}


PROBE = Probe(
    "Do small changes of the input leave active units as they are? (Section 2.2; claim 17.)",
    COLUMNS,
    lambda stack, splits: rows(splits.dataset, stack, splits.test),
)
