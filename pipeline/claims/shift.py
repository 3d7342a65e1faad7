"""Claim about mean shift: outputs far from mean 0 and test errors."""

from collections.abc import Sequence

from pipeline.analysis import statistics
from pipeline.claims.claim import HIGHER, Claim, Quantity
from pipeline.claims.groups import ARM, Parts, Records, Row, one_a_seed


def parts(rows: Sequence[Row]) -> Parts:
    """Return one row a seed with the rank correlation of its arms' errors and mean shifts."""
    arms = {ARM.format(**row) for row in rows}

    def trend(part: Sequence[Row]) -> float | None:
        by_arm: dict[str, list[Row]] = {}
        for row in part:
            by_arm.setdefault(ARM.format(**row), []).append(row)
        if len(by_arm) < len(arms):
            return None
        shifts = [statistics.mean([row["shift"] for row in arm]) for arm in by_arm.values()]
        return statistics.rank_correlation(
            shifts, [arm[0]["test_error"] for arm in by_arm.values()]
        )

    return {"all arms": one_a_seed(rows, "shift_trend", trend)}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "outputs-of-mean-zero-help", "35",
        "Outputs of mean 0 help: among the arms compared here, the farther an arm's hidden outputs "
        "are from mean 0, the more test errors it makes.",
        "critics: mean shift", "M",
        Quantity(
            "shift_trend",
            "rank correlation of the test error with how far hidden outputs are from mean 0, over",
            "number",
        ),
        ("all arms",), (), HIGHER, Records("shift", parts),
    ),
)  # fmt: skip
