"""All claims, in the order of their numbers: what the paper says, and what its critics say of it.

Claims that have no rule, about several datasets at once, are in `claims_elsewhere`.
"""

import re

from pipeline.claims.arms import OF_ARMS
from pipeline.claims.claim import Claim
from pipeline.claims.of_experiments import OF_EXPERIMENTS
from pipeline.claims.of_probes import OF_PROBES
from pipeline.claims.sparse_products import OF_COST
from pipeline.claims.texts import OF_TEXTS


def order(number: str) -> tuple[int, str]:
    """Return what claims are sorted by, from a number like `24b`."""
    digits, letters = re.fullmatch(r"(\d+)([a-z]*)", number).groups()  # type: ignore[union-attr]
    return int(digits), letters


EVERY = OF_ARMS + OF_EXPERIMENTS + OF_PROBES + OF_TEXTS + OF_COST
CLAIMS: tuple[Claim, ...] = tuple(sorted(EVERY, key=lambda claim: order(claim.number)))
