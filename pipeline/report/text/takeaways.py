"""What verdicts mean: the headline of a dataset, what follows for practice, the paper's side."""

from collections import Counter
from collections.abc import Sequence

from pipeline.analysis.results import Row
from pipeline.claims.catalogue import CLAIMS, STATED
from pipeline.paper import published
from pipeline.report.text import verdicts
from pipeline.report.text.summary import UNKNOWN, plural, sentence

# What a practitioner may take from a claim that is supported, or contradicted, by its key.
FOLLOWS: dict[str, tuple[str, str]] = {
    "rectifier-as-good-as-tanh": (
        "from a random start rectifiers are as safe a choice as tanh",
        "from a random start rectifiers cost errors against tanh",
    ),
    "rectifier-matches-pretrained-tanh": (
        "rectifiers need no pre-training to keep up with pre-trained tanh",
        "without pre-training rectifiers do not keep up with pre-trained tanh",
    ),
    "unlabeled-help-rectifier": (
        "pre-training pays where labels are few",
        "pre-training does not pay even where labels are few",
    ),
    "sparsity-does-no-harm": (
        "70 to 85% of hidden outputs may be zero, give or take the margin",
        "70 to 85% zeros cost errors",
    ),
    "later-units-do-as-well": (
        "later units (leaky to SiLU) are no worse than the rectifier",
        "later units (leaky to SiLU) are worse than the rectifier",
    ),
    "gradients-do-not-vanish": (
        "gradients reach the bottom of the deepest rectifier networks tried",
        "gradients fade on their way down deep rectifier networks",
    ),
}
MOST = 4  # of these in one sentence


def headline(dataset: str, tested: Sequence[Row]) -> str:
    """Return how many of a dataset's claims have which verdict.

    >>> headline("digits", [])
    'On digits no claim has records yet.'
    """
    if not tested:
        return f"On {dataset} no claim has records yet."
    found = Counter(row["verdict"] for row in tested)
    told = ", ".join(f"{found[verdict]} {verdict}" for verdict in verdicts.VERDICTS)
    return f"On {dataset}, {len(tested)} {plural(len(tested), 'claim')} tested: {told}."


def consequence(tested: Sequence[Row]) -> str:
    """Return one sentence for practice, from the verdicts that are decided."""
    by_key = {row["key"]: row["verdict"] for row in tested}
    says = [
        words[by_key[key] == verdicts.VERDICTS[1]]
        for key, words in FOLLOWS.items()
        if by_key.get(key) in verdicts.VERDICTS[:2]
    ][:MOST]
    if not says:
        return "Nothing follows for practice: none of the claims that bear on it is decided here."
    return f"For practice, on data like these: {'; '.join(says)}."


def paper(row: Row) -> str:
    """Return what the paper has for a claim: its number on this dataset, on its own, or words."""
    if row["paper"] is not None:
        mark = "*" if row["paper_mark"] == "M" else ""
        return verdicts.judged([row])[0].paper + mark
    if row["key"] in STATED:
        return STATED[row["key"]]
    claim = next((claim for claim in CLAIMS if claim.key == row["key"]), None)
    found = [claim.paper(dataset) for dataset in published.ZEROS] if claim else []
    known = [number for number in found if number is not None]
    if not known:
        return UNKNOWN
    ends = [row | {"paper": end(number.value for number in known)} for end in (min, max)]
    low, high = (verdicts.judged([each])[0].paper for each in ends)
    mark = "*" if any(number.mark == "M" for number in known) else ""
    return sentence(
        f"{low.removesuffix(' points').removesuffix('%')} to {high}{mark} on its 4 data sets"
    )
