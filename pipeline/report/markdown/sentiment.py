"""The tables of reviews in README files: Amazon's four kinds of products, and Table 2's form."""

from collections.abc import Mapping, Sequence

from pipeline.analysis import baselines, statistics
from pipeline.analysis.criterion import ERROR, RMSE, UNKNOWN
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.paper.published import AMAZON, TABLE_2
from pipeline.report.text import summary
from pipeline.report.text.protocol import tested_on
from pipeline.report.text.summary import percent

KINDS = {
    "books": "books", "dvd": "DVDs", "electronics": "electronics", "kitchen": "kitchen",
}  # fmt: skip
PRETRAINED, RANDOM, LOGISTIC = "rectifier-pretrained", "rectifier-random", "logistic"
CONTENDERS = {
    PRETRAINED: "pre-trained rectifier",
    RANDOM: "random rectifier",
    LOGISTIC: "logistic regression",
}

BySeed = Mapping[int, float]


def amazon(found: Mapping[str, Results], *, few: bool) -> str | None:
    """Return the accuracies on Amazon's kinds of products in Markdown, from the results by dataset;
    with `few` those of 100 labels. None where no kind has results with rectifier arms.

    The mean over the kinds is that of each seed first; without one of them there is none.
    """
    names = {kind: f"amazon-{kind}{'-few' if few else ''}" for kind in KINDS}
    here = {kind: found[name] for kind, name in names.items() if name in found}
    if not any(arm_key(row) in CONTENDERS for results in here.values() for row in results.table):
        return None
    accuracies = {kind: _accuracies(here.get(kind)) for kind in KINDS}
    shown = [key for key in CONTENDERS if any(each[key] for each in accuracies.values())]
    confidence = next(iter(here.values())).protocol["confidence"]
    heads = ["accuracy, %", *(CONTENDERS[key] for key in shown)]
    heads += ["pre-trained \N{MINUS SIGN} logistic", "published"]
    mean = {key: _mean_over([each[key] for each in accuracies.values()]) for key in shown}
    rows = [
        [KINDS[kind], *_cells(each, shown, confidence), ""] for kind, each in accuracies.items()
    ]
    rows.append(["mean", *_cells(mean, shown, confidence), _published()])
    return f"{_markdown(heads, rows)}\n\n<sub>{_small(list(here.values()))}</sub>"


def _accuracies(results: Results | None) -> dict[str, BySeed]:
    """Return the test accuracy of each contender by seed; empty where it is not there or failed."""
    if results is None:
        return {key: {} for key in CONTENDERS}
    errors = {key: baselines.of_arm(results, key, ERROR.key) for key in (PRETRAINED, RANDOM)}
    errors[LOGISTIC] = baselines.by_seed(results, LOGISTIC, ERROR.key)
    return {key: {seed: 1 - e for seed, e in each.items()} for key, each in errors.items()}


def _mean_over(kinds: Sequence[BySeed]) -> BySeed:
    """Return the mean over kinds of each seed; empty where they have not the same seeds."""
    seeds = kinds[0].keys()
    if any(each.keys() != seeds for each in kinds):
        return {}
    return {seed: statistics.mean([each[seed] for each in kinds]) for seed in seeds}


def _cells(accuracy: Mapping[str, BySeed], shown: Sequence[str], confidence: float) -> list[str]:
    """Return the cells of a row: each contender's mean, and the difference of the first and the
    logistic regression, paired by seed."""
    cells = [_spread(accuracy[key], confidence) for key in shown]
    ours, theirs = accuracy.get(PRETRAINED, {}), accuracy.get(LOGISTIC, {})
    if not ours or ours.keys() != theirs.keys():
        return [*cells, UNKNOWN]
    test = statistics.paired_test(ours, theirs, confidence)
    ends = "" if test.low is None else f" ({percent(test.low)} to {percent(test.high)})"
    return [*cells, f"{percent(test.difference)}{ends}"]


def _spread(values: BySeed, confidence: float) -> str:
    if not values:
        return UNKNOWN
    found = statistics.summarize(list(values.values()), confidence)
    margin = "" if found.high is None else f" ± {percent(found.high - found.mean)}"
    return f"{percent(found.mean)}{margin} (n = {found.n})"


def _published() -> str:
    return "; ".join(f"{percent(number.value)}, {number.cell}" for number in AMAZON.values())


def _small(here: Sequence[Results]) -> str:
    results = here[0]
    confidence = percent(results.protocol["confidence"], 0)
    hidden = ", ".join(map(str, results.protocol["hidden"]))
    text = (
        f"Test accuracy: mean ± half of its {confidence}% interval over n seeds, on "
        f"{tested_on(results, 'reviews')}; hidden layers of {hidden}; the mean over the kinds is "
        "taken within each seed. Difference: points, with its paired interval. Selection: "
        f"{results.protocol['selection']}."
    )
    if results.folds:
        text += " Training parts of folds overlap: the intervals are somewhat too narrow."
    place = next(iter(AMAZON.values())).place
    return f"{text} Published: means over the four kinds ({place} of the paper)."


def table_2(results: Results) -> str | None:
    """Return a dataset of ratings in the form of the paper's Table 2, in Markdown, with OpenTable's
    numbers beside it; None where labels are no ratings.

    Arms that are not there have no row.
    """
    if results.measure is not RMSE:
        return None
    arms = {(row["activation"], row["initialization"]): row for row in results.table}
    counts = summary.layers(results)
    rows = [
        [_network(key, counts), *_paper(key), *_here(arms[key])] for key in TABLE_2 if key in arms
    ]
    rows += [[row["name"], "", "", *_here(row)] for row in baselines.table(results)]
    heads = ["network", "paper's RMSE*", "paper's zeros*", "RMSE here", "zeros here"]
    confidence = percent(results.protocol["confidence"], 0)
    small = (
        f"RMSE of the expected stars, in stars: here on {results.dataset}, mean ± half of the "
        f"{confidence}% interval over n seeds, on {tested_on(results, 'reviews')}; networks are "
        "pre-trained where nothing else is said. Zeros in %: of "
        "hidden outputs, without a hidden layer of the inputs. *The paper's are of OpenTable's "
        "reviews, which were never published: another dataset, so the columns are alike in form "
        "alone. M: as remembered, without a second source at hand."
    )
    return f"{_markdown(heads, rows)}\n\n<sub>{small}</sub>"


def _network(key: tuple[str, str], counts: Mapping[str, int]) -> str:
    """Return a network as Table 2 names it.

    >>> _network(("rectifier", "pretrained"), {"rectifier-pretrained": 3})
    'rectifier, 3 layers'
    """
    activation, initialization = key
    layers = counts.get(f"{activation}-{initialization}")
    if layers == 0:
        return "no hidden layer"
    unit = activation.removesuffix("-1")
    depth = "failed" if layers is None else f"{layers} {summary.plural(layers, 'layer')}"
    return f"{unit}, {depth}{', not pre-trained' if initialization == 'random' else ''}"


def _paper(key: tuple[str, str]) -> list[str]:
    found = TABLE_2[key]
    rmse = RMSE.shown(found.rmse) + _marked(found.mark)
    if found.spread is not None:
        rmse += f" ± {RMSE.shown(found.spread)}{_marked(found.spread_mark)}"
    else:
        rmse = f"not below {rmse}"
    if found.zeros is None:
        return [rmse, ""]
    return [rmse, percent(found.zeros.value, 1) + _marked(found.zeros.mark)]


def _marked(mark: str) -> str:
    return " (M)" if mark == "M" else ""


def _here(row: Row) -> list[str]:
    """Return RMSE and zeros of a row of table.csv, or of a baseline, which has no zeros."""
    mean = RMSE.shown(RMSE.mean(row))
    if RMSE.ends(row) is not None:
        mean += f" ± {RMSE.margin(row)} (n = {row['seeds']:g})"
    return [mean, percent(row["zeros_mean"], 1) if "zeros_mean" in row else ""]


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head, *lines = (f"| {' | '.join(line)} |" for line in [heads, *rows])
    return "\n".join([head, "|---" * len(heads) + "|", *lines])
