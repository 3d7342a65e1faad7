"""Claims about sparsity and test error, on many networks of different penalties (Figure 3)."""

import math
from collections.abc import Sequence

from pipeline.claims.claim import TEST_ERROR, ZEROS, Claim, Quantity, Rule, non_inferior_to
from pipeline.claims.groups import Parts, Records, Row
from pipeline.paper.published import Mark

# Figure 3, MNIST: random rectifier networks, and the largest L1 penalty on their activations.
NETWORKS: tuple[int, Mark] = (200, "M")
MOST_L1: tuple[float, Mark] = (0.01, "M")
# Between these shares of zeros the paper's errors are similar; beyond, they rise.
HARMLESS: tuple[float, float, Mark] = (0.70, 0.85, "C")

BREAKS = 0.80  # the paper's "almost 85%" of zeros without harm, less what its figure leaves open
BEST = 0.1  # the share of networks that count as the best, with all that tie with the last of them
BEST_NETWORKS = "the tenth of the networks with the lowest validation error, ties included"
BEST_ZEROS = (0.50, 0.80)  # section 4.1
HALF_OF_A_START = (0.45, 0.55)  # "about" half


def parts(rows: Sequence[Row]) -> Parts:
    """Return all networks, those of the paper's range of zeros, those below, and the best."""
    known = [row for row in rows if row["zeros"] is not None]
    low, high, _ = HARMLESS
    errors = sorted(row["valid_error"] for row in known)
    worst = errors[math.ceil(BEST * len(known)) - 1] if known else 0.0
    return {
        "all networks": rows,
        "networks with 70 to 85% zeros": [row for row in known if low <= row["zeros"] <= high],
        "networks with fewer zeros": [row for row in known if row["zeros"] < low],
        BEST_NETWORKS: [row for row in known if row["valid_error"] <= worst],
    }


RECORDS = Records("sparsity", parts, pairing="none")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "sparsity-does-no-harm", "7a",
        "The test error of networks with 70 to 85% zeros exceeds that of networks with fewer zeros "
        "by no more than the margin.",
        "Section 4.1, Figure 3", "C", TEST_ERROR,
        ("networks with 70 to 85% zeros",), ("networks with fewer zeros",),
        non_inferior_to("networks with fewer zeros"), RECORDS, "networks",
        stated="similar from 70% to almost 85% (MNIST)",
    ),
    Claim(
        "sparsity-breaks-late", "7b",
        "The test error starts to rise at a share of zeros of 80% or more (paper: almost 85%).",
        "Section 4.1, Figure 3", "C",
        Quantity("breaking_point", "share of zeros from which on the test error rises, of"),
        ("all networks",), (), Rule("at least", BREAKS), RECORDS, "changepoint",
        stated="almost 85% (MNIST)",
    ),
    Claim(
        "best-at-50-to-80", "8",
        "The best networks have 50 to 80% zeros.",
        "Section 4.1", "C", ZEROS,
        (BEST_NETWORKS,), (),
        Rule("between", *BEST_ZEROS), RECORDS, stated="50 to 80%",
    ),
    Claim(
        "half-zeros-at-start", "9",
        "At a random start about half of a rectifier network's hidden outputs are 0.",
        "Section 3.1", "C",
        Quantity(
            "zeros_at_start", "share of exact zeros (mean over hidden layers) at the start of"
        ),
        ("all networks",), (), Rule("between", *HALF_OF_A_START), RECORDS, stated="about 50%",
    ),
)  # fmt: skip
