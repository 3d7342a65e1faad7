"""Test error against the share of labels, with and without pre-training (the paper's Figure 4)."""

from pipeline.claims.labels import FIGURE_4
from pipeline.report.figures.plot import LINES, MEANS, PaperFigure, curves
from pipeline.report.figures.table import Point, Table
from pipeline.report.text.wording import percent, sentence

ENDS = ("few labels", "all labels")


def gains_of_pretraining(table: Table) -> dict[float, Point]:
    """Return, by share of labels, error with pre-training less error without, paired by seed."""
    pretrained, random = (table.where(initialization=s) for s in ("pretrained", "random"))
    return {
        share: pretrained.where(share=share).difference(random.where(share=share))
        for share in sorted({*pretrained.levels("share")} & {*random.levels("share")})
    }


def lines(table: Table) -> dict[str, str]:
    """Return the gains of pre-training at the smallest and the largest share of labels."""
    texts = {}
    for activation in FIGURE_4:
        gains = gains_of_pretraining(table.where(activation=activation))
        for pick, end in zip((min, max), ENDS, strict=True):
            if gains:
                share = pick(gains)
                words = f"{gains[share].shown(' points')} at {percent(share, 0)}%"
                texts[f"{sentence(activation)}, {end}"] = words
    return texts


FIGURES = (
    curves(
        "What are unlabeled examples worth?",
        lambda table: table.series("share"),
        "labels",
        needs="seed activation initialization share test_error",
        reading=(
            f"{MEANS} {LINES} Pre-training uses all inputs. Where solid and dashed meet, it no "
            "longer pays."
        ),
        paper=PaperFigure(
            "Figure 4",
            "Change of the test error by pre-training, in points, by the share of the labels; the "
            "paper's on NORB, its numbers only in the figure.",
            lines,
            {
                f"{sentence(activation)}, {end}": words
                for activation, both in FIGURE_4.items()
                for end, words in zip(ENDS, both, strict=True)
            },
        ),
        xlabel="labels used in fine-tuning, %",
        log="xy",
        scale=100,
        word=lambda share: f"{100 * share:g}%",
        height=4.4,
    ),
)
