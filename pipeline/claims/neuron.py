"""Claim about biological neurons: the unit nearest to their firing rate (section 2.1)."""

from collections.abc import Sequence
from itertools import groupby

from pipeline.claims.claim import Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row


def parts(rows: Sequence[Row]) -> Parts:
    """Return one row a setting, with the rectifier's misfit less the better of tanh and sigmoid."""

    def setting(row: Row) -> tuple[float, ...]:
        return row["t_ref_ms"], row["most_rate_hz"], row["least_mv"]

    settings: list[Row] = []
    for _, part in groupby(sorted(rows, key=setting), key=setting):
        misfit = {row["activation"]: row["misfit"] for row in part}
        excess = misfit["rectifier"] - min(misfit["tanh"], misfit["sigmoid"])
        settings.append({"seed": len(settings), "misfit_excess": excess})
    return {"the settings of the neuron": settings}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rectifier-nearest-to-neurons", "23",
        "The rectifier is nearer than tanh and the sigmoid to the firing rate of a leaky "
        "integrate-and-fire neuron, at every refractory period and range of rates tried.",
        "Section 2.1, Figure 2", "C",
        Quantity(
            "misfit_excess",
            "misfit of the rectifier less that of the better of tanh and sigmoid, in",
            "difference",
        ),
        ("the settings of the neuron",), (), Rule("never above", 0.0), Records("neuron", parts),
    ),
)  # fmt: skip
