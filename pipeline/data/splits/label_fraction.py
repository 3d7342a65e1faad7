"""A share of the labels: the examples that supervised training may see, drawn class by class.

Legend of shape suffixes: N examples of the training split, M of them chosen.
"""

import torch
from torch import Tensor

from pipeline.runtime.errors import Problem
from pipeline.runtime.seeds import generator


def labeled(dataset: str, seed: int, y_N: Tensor, share: float) -> Tensor:
    """Return the rows [M], ascending, of a share in (0, 1] of the labels of a training split.

    Each class keeps its own share, rounded. The rows of a smaller share are among those of a
    larger one, and a share of 1 is the whole split.

    Raises Problem where a class is left without an example.
    """
    if share == 1:
        return torch.arange(len(y_N))
    order_N = torch.randperm(len(y_N), generator=generator(dataset, seed, "labels"))
    kept = []
    for label in y_N.unique().tolist():
        rows = order_N[y_N.cpu()[order_N] == label]
        count = round(share * len(rows))
        if not count:
            raise Problem(
                f"params.yaml: {100 * share:g}% of the labels of {dataset} leave class {label} of "
                f"{len(rows)} training examples without one: raise that share"
            )
        kept.append(rows[:count])
    return torch.cat(kept).sort().values
