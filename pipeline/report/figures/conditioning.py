"""Test error of starting networks that compute the same function with rescaled weights."""

from pipeline.report.figures.plot import MEANS, curves

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"

FIGURES = (
    curves(
        "Does it matter how a rectifier network is parametrized?",
        lambda table: table.series("alpha"),
        ALPHA,
        needs="seed alpha test_error",
        reading=(
            f"{MEANS} All start from the same function; only its parametrization differs. "
            f"{ALPHA} = 1 is the plain start."
        ),
        xlabel=f"{ALPHA}: weights into the first hidden layer divided by it",
        log="x",
        height=3.4,
    ),
)
