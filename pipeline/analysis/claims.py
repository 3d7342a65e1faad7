"""All claims, in the order of their numbers: what the paper says, and what its critics say of it.

The numbering leaves gaps: the claims between are about texts, or about other datasets.
"""

import re

from pipeline.analysis.claim import Claim
from pipeline.analysis.claims_of_arms import OF_ARMS
from pipeline.analysis.claims_of_experiments import OF_EXPERIMENTS
from pipeline.analysis.claims_of_probes import OF_PROBES


def _order(claim: Claim) -> tuple[int, str]:
    digits, letters = re.fullmatch(r"(\d+)([a-z]*)", claim.number).groups()  # type: ignore[union-attr]
    return int(digits), letters


CLAIMS: tuple[Claim, ...] = tuple(sorted(OF_ARMS + OF_EXPERIMENTS + OF_PROBES, key=_order))
