"""The groups that claims name, from the tables of the probes."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from pipeline.analysis.groups import Row

Parts = Mapping[str, Sequence[Row]]


def spiking(rows: Sequence[Row]) -> Parts:
    """Return the networks of random starts after the most time steps."""
    most = max(row["steps"] for row in rows)
    return {
        "random rectifier, most time steps": [
            {**row, "spiking_loss": row["test_error"] - row["rate_error"]}
            for row in rows
            if row["steps"] == most and row["initialization"] == "random"
        ]
    }


def neuron(rows: Sequence[Row]) -> Parts:
    """Return one row a setting: how much worse the rectifier fits than the better of the others."""

    def setting(row: Row) -> tuple[float, ...]:
        return row["t_ref_ms"], row["most_rate_hz"], row["least_mv"]

    settings: list[Row] = []
    for _, mine in groupby(sorted(rows, key=setting), key=setting):
        misfit = {row["activation"]: row["misfit"] for row in mine}
        excess = misfit["rectifier"] - min(misfit["tanh"], misfit["sigmoid"])
        settings.append({"seed": len(settings), "misfit_excess": excess})
    return {"the settings of the neuron": settings}
