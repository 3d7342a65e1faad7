"""Test error against the width of the hidden layers."""

from pipeline.report.figures.plot import MEANS, curves


def _fraction(value: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


FIGURES = (
    curves(
        "Does a one-sided unit need twice as many?",
        lambda table: table.series("multiple"),
        "width",
        needs="seed activation multiple test_error",
        reading=(
            f"{MEANS} If one-sided units need twice as many, the rectifier's curve is that of tanh "
            "moved right by one doubling."
        ),
        xlabel="width of the hidden layers (1: the usual)",
        log="x",
        tick=_fraction,
        word=_fraction,
    ),
)
