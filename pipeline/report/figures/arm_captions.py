"""What stands under each figure: how to read it, and what there is to see."""

from pipeline.analysis import baselines
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.report.figures import plots
from pipeline.report.text import summary
from pipeline.report.text.summary import percent, plural


def errors_by_arm(results: Results) -> str:
    """Return the caption of the test errors by arm."""
    seeds, confidence = results.protocol["seeds"], percent(results.protocol["confidence"], 0)
    parts = [f"Circle: mean {results.measure.name} (full: pre-trained; hollow: random)."]
    if seeds > 1:
        parts.append(f"Bar: its {confidence}% interval. Small dots: the {seeds} seeds.")
    if any(row["paper_test_error"] is not None for row in results.table):
        parts.append("Diamond: the paper's number.")
    parts += _lines(results)
    if seeds > 1:
        parts.append(
            "Seeds are paired between arms, so the paired tests can separate arms whose bars "
            "overlap."
        )
    return " ".join(parts)


def _lines(results: Results) -> list[str]:
    """Return what the lines of the baselines are, and which baselines have none."""
    shown = baselines.near(results)
    lines = {"--": "Dashed line", ":": "Dotted line"}
    parts = [f"{lines[plots.DASHES[row['baseline']]]}: {row['name']}." for row in shown]
    what = results.measure
    beyond = [
        f"{row['name']}, {what.with_unit(what.mean(row))}"
        for row in baselines.table(results)
        if row["baseline"] not in {each["baseline"] for each in shown}
    ]
    return parts + ([f"Far to the right: {'; '.join(beyond)}."] if beyond else [])


def validation_curves(results: Results) -> str:
    """Return the caption of the validation curves."""
    curves = [curve for curve in results.curves["arms"].values() if curve]
    text = (
        "Solid: pre-trained; dashed: random. "
        f"Above: {results.curves['rule']}. Below: how many networks were still training. "
        "Look for how soon an arm is good, not only for how good it gets in the end."
    )
    if not curves:
        return text
    longest = max(len(curve["training"]) for curve in curves)
    return f"{text} The longest training took {longest} {plural(longest, 'epoch')}."


def zeros_by_layer(results: Results) -> str:
    """Return the caption of the zeros by layer."""
    text = (
        "Share of hidden outputs that are exactly 0 on the test examples, mean over seeds. "
        "Of the paper's units only the rectifier makes exact zeros by design."
    )
    layers = summary.layers(results)
    rows = [row for row in summary.ranked(results) if row["zeros_mean"] and layers[arm_key(row)]]
    if rows:
        low, high = _ends(rows, "zeros_mean")
        ends = f"{low}%" if low == high else f"{low}% to {high}%"
        text += f" Arms with zeros have {ends}, averaged over layers."
    paper = results.protocol["paper"]["rectifier_zeros"]
    if paper is not None:
        text += f" The paper has {percent(paper, 1)}% for its rectifier networks."
    return text


def _ends(rows: list[Row], column: str) -> tuple[str, str]:
    shares = [row[column] for row in rows]
    return percent(min(shares), 1), percent(max(shares), 1)


def first_filters(results: Results) -> str:
    """Return the caption of the first-layer filters."""
    shown = results.protocol["filters"]
    seeds = [
        f"{summary.spoken(row)} {shown['seeds'][arm_key(row)]}"
        for row in results.table
        if arm_key(row) in shown["seeds"]
    ]
    return (
        f"{summary.sentence(shown['rule'])}. Each is scaled by its own largest weight: mid-grey "
        "is 0, white positive, black negative. Look for strokes and blobs, which training makes; "
        f"even noise is what a random start looks like. Seeds shown: {', '.join(seeds)}."
    )
