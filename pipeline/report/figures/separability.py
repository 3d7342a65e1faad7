"""Test error of linear classifiers on the outputs of each layer."""

from pipeline.report.figures.plot import LINES, MEANS, curves

FIGURES = (
    curves(
        "Is a higher layer easier for a linear classifier?",
        lambda table: table.series("layer"),
        "layer",
        needs="seed activation initialization layer test_error",
        reading=(
            f"{MEANS} {LINES} Logistic regression on the outputs of one layer; a curve that falls: "
            "each layer makes the classes easier to separate by a plane."
        ),
        xlabel="layer that is classified, 0 the input",
        height=4.4,
    ),
)
