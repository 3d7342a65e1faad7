"""Claim about softplus networks of growing hardness (section 4.1, NORB)."""

import math
from collections.abc import Sequence

from pipeline.analysis.statistics import rank_correlation
from pipeline.claims.claim import LOWER, Claim, Quantity
from pipeline.claims.groups import Parts, Records, Row, one_a_seed
from pipeline.paper.published import Mark, Number, percent

# Test error of softplus networks by alpha, in percent; the rectifier is alpha without end.
_ERRORS: dict[float, tuple[float, Mark]] = {
    1.0: (17.68, "C"),
    1.3: (17.53, "M"),
    2.0: (16.9, "M"),
    3.0: (16.66, "C"),
    6.0: (16.54, "C"),
    math.inf: (16.40, "C"),
}
HARDNESS: dict[float, Number] = {
    alpha: percent(value, mark, "Section 4.1", f"alpha = {alpha:g}, NORB")
    for alpha, (value, mark) in _ERRORS.items()
}


def parts(rows: Sequence[Row]) -> Parts:
    """Return one row a seed with the trend of its errors over alpha."""

    def trend(part: Sequence[Row]) -> float | None:
        errors = [row["test_error"] for row in part]
        if None in errors:
            return None
        return rank_correlation([float(row["alpha"]) for row in part], errors)

    return {"softplus networks up to the rectifier": one_a_seed(rows, "trend", trend)}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "harder-is-better", "2b",
        "The harder the nonlinearity the better: test errors fall from softplus over its rescaled "
        "versions to the rectifier.",
        "Section 4.1", "C",
        Quantity("trend", "rank correlation of the test error with alpha, over", "number"),
        ("softplus networks up to the rectifier",), (), LOWER, Records("hardness", parts),
        stated="17.68% to 16.40%, softplus to rectifier (NORB)",
    ),
)  # fmt: skip
