"""Claims without a decision rule, each with the requirements of a test.

Every table of verdicts lists these claims as undecided, with the requirements as the reason.
"""

from dataclasses import dataclass

from pipeline.paper.published import Mark


@dataclass(frozen=True)
class UntestedClaim:
    """A claim without a rule: its number, wording, source and `stated` as those of a `Claim`.

    `needs` completes "Not tested: it needs ...".
    """

    key: str
    number: str
    wording: str
    source: str
    mark: Mark
    needs: str
    stated: str = ""

    @property
    def reason(self) -> str:
        """The reason for having no verdict, one sentence."""
        return f"Not tested: it needs {self.needs}."


UNTESTED: tuple[UntestedClaim, ...] = (
    UntestedClaim(
        "rectifiers-tell-sentiment", "22",
        "On reviews of four kinds of products pre-trained rectifier networks beat the best method "
        "of the time.",
        "Section 4.2", "C", "four datasets at once: its tables are in results/amazon/README.md",
        stated="78.95%, against 73.72%",
    ),
    UntestedClaim(
        "validation-on-test-images", "34",
        "Validation on half of CIFAR-10's official test set biases the paper's test errors there "
        "downward.",
        "critics: the split of CIFAR-10", "I",
        "the arms on cifar10 and on cifar10-clean, side by side",
    ),
)  # fmt: skip
