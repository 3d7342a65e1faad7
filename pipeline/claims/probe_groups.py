"""The groups that claims name, from the tables of the probes."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from pipeline.analysis import statistics
from pipeline.claims.experiment_groups import rank_correlation
from pipeline.claims.groups import Row, by_seed

Parts = Mapping[str, Sequence[Row]]


TREND = "shift_trend"
SMALL = 0.1  # the noise, relative to the input, that counts as a small change


def _of_random_rectifier(rows: Sequence[Row]) -> list[Row]:
    return [
        row for row in rows if (row["activation"], row["initialization"]) == ("rectifier", "random")
    ]


def overlap(rows: Sequence[Row]) -> Parts:
    """Return every layer under a small change."""
    mine = _of_random_rectifier(rows)
    return {"random rectifier, a tenth of noise": [row for row in mine if row["noise"] == SMALL]}


def complexity(rows: Sequence[Row]) -> Parts:
    """Return every layer, with the correlation with compressed bytes."""
    return {
        "random rectifier, all layers": [
            {**row, "complexity": row["correlation"]}
            for row in _of_random_rectifier(rows)
            if row["measure"] == "bytes"
        ]
    }


def separability(rows: Sequence[Row]) -> Parts:
    """Return the input and the top layer."""
    mine = [{**row, "probe_error": row["test_error"]} for row in _of_random_rectifier(rows)]
    top = max(row["layer"] for row in rows)
    return {
        "the input": [row for row in mine if row["layer"] == 0],
        "the top layer of random rectifier": [row for row in mine if row["layer"] == top],
    }


def patterns(rows: Sequence[Row]) -> Parts:
    """Return every layer with its share of distinct patterns."""
    return {
        "random rectifier, all layers": [
            {**row, "patterns": row["distinct"]} for row in _of_random_rectifier(rows)
        ]
    }


def shift(rows: Sequence[Row]) -> Parts:
    """Return one row a seed: how its arms' errors go with how far their outputs are from mean 0."""
    arms = len({(row["activation"], row["initialization"]) for row in rows})
    found: list[Row] = []
    for mine in by_seed(rows):
        means = {
            key: (statistics.mean([row["shift"] for row in part]), part[0]["test_error"])
            for key, part in _by_arm(mine).items()
        }
        lost = len(means) < arms
        trend = None if lost else rank_correlation(*zip(*means.values(), strict=True))
        found.append({"seed": mine[0]["seed"], "test_error": None if lost else 0.0, TREND: trend})
    return {"all arms": found}


def _by_arm(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["activation"], row["initialization"]), []).append(row)
    return found


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
