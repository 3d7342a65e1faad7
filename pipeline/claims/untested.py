"""The claims that have no rule here: what each says, and what it would take to test it.

They stand in every table of verdicts all the same: what is not tested is said, not left out.
"""

from dataclasses import dataclass

from pipeline.paper.published_tables import Mark


@dataclass(frozen=True)
class Elsewhere:
    """A claim without a rule: its number, wording and source as those of a `Claim`.

    `needs` completes "Not tested: it needs ...".
    """

    key: str
    number: str
    wording: str
    source: str
    mark: Mark
    needs: str

    @property
    def reason(self) -> str:
        """Why it has no verdict: one sentence."""
        return f"Not tested: it needs {self.needs}."


ELSEWHERE: tuple[Elsewhere, ...] = (
    Elsewhere(
        "rectifiers-tell-sentiment", "22",
        "On reviews of four kinds of products pre-trained rectifier networks beat the best method "
        "of the time.",
        "Section 4.2", "C", "four datasets at once: its tables are in results/amazon/README.md",
    ),
    Elsewhere(
        "validation-on-test-images", "34",
        "Validating on half of CIFAR-10's official test set flatters the paper's errors there.",
        "critics: the split of CIFAR-10", "I",
        "the arms on cifar10 and on cifar10-clean, side by side",
    ),
)  # fmt: skip
