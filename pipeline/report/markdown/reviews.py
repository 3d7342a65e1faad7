"""Tables of results on reviews: Amazon's four kinds of products, and the form of Table 2."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from pipeline.analysis import baselines, statistics
from pipeline.analysis.criterion import ERROR, RMSE, UNKNOWN
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.paper.published import AMAZON, TABLE_2
from pipeline.report.markdown.blocks import table
from pipeline.report.text import summary, wording
from pipeline.report.text.protocol import tested_on
from pipeline.report.text.wording import percent

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


def amazon(all_results: Mapping[str, Results], *, few: bool) -> str | None:
    """Return the accuracies on Amazon's kinds of products, from the results by dataset; with `few`
    those with 100 labels. None where no kind has results of rectifier arms.

    The mean over the four kinds is taken within each seed; it is unknown if a kind is missing.
    """
    names = {kind: f"amazon-{kind}{'-few' if few else ''}" for kind in KINDS}
    by_kind = {kind: all_results.get(name) for kind, name in names.items()}
    present = [results for results in by_kind.values() if results is not None]
    if not any(arm_key(row) in CONTENDERS for results in present for row in results.table):
        return None
    accuracies = {kind: _accuracies(results) for kind, results in by_kind.items()}
    confidence = present[0].protocol["confidence"]
    mean = {key: _mean_over([kind[key] for kind in accuracies.values()]) for key in CONTENDERS}
    published = [f"{percent(number.value)}, {number.cell}" for number in AMAZON.values()]
    heads = ["accuracy, %", *CONTENDERS.values(), "pre-trained \N{MINUS SIGN} logistic"]
    rows = [[KINDS[kind], *_cells(row, confidence), ""] for kind, row in accuracies.items()]
    rows.append(["mean", *_cells(mean, confidence), "; ".join(published)])
    return f"{table([*heads, 'published'], rows)}\n\n<sub>{_protocol(present[0])}</sub>"


def _accuracies(results: Results | None) -> dict[str, BySeed]:
    """Return the test accuracy of each contender by seed; empty where it is missing or failed."""
    if results is None:
        return {key: {} for key in CONTENDERS}
    errors = {key: baselines.of_arm(results, key, ERROR.key) for key in (PRETRAINED, RANDOM)}
    errors[LOGISTIC] = baselines.by_seed(results, LOGISTIC, ERROR.key)
    return {
        key: {seed: 1 - error for seed, error in by_seed.items()} for key, by_seed in errors.items()
    }


def _mean_over(kinds: Sequence[BySeed]) -> BySeed:
    """Return the mean over kinds of each seed; empty if the kinds have different seeds."""
    seeds = kinds[0].keys()
    if any(kind.keys() != seeds for kind in kinds):
        return {}
    return {seed: statistics.mean([kind[seed] for kind in kinds]) for seed in seeds}


def _cells(accuracy: Mapping[str, BySeed], confidence: float) -> list[str]:
    """Return each contender's mean, and the difference between the pre-trained rectifier and the
    logistic regression, paired by seed."""
    cells = [_spread(accuracy[key], confidence) for key in CONTENDERS]
    network, logistic = accuracy[PRETRAINED], accuracy[LOGISTIC]
    if not network or network.keys() != logistic.keys():
        return [*cells, UNKNOWN]
    test = statistics.paired_test(network, logistic, confidence)
    ends = "" if test.low is None else f" ({percent(test.low)} to {percent(test.high)})"
    return [*cells, f"{percent(test.difference)}{ends}"]


def _spread(values: BySeed, confidence: float) -> str:
    if not values:
        return UNKNOWN
    mean = statistics.summarize(list(values.values()), confidence)
    margin = "" if mean.high is None else f" ± {percent(mean.high - mean.mean)}"
    return f"{percent(mean.mean)}{margin} (n = {mean.n})"


def _protocol(results: Results) -> str:
    confidence = percent(results.protocol["confidence"], 0)
    hidden = ", ".join(map(str, results.protocol["hidden"]))
    text = (
        f"Test accuracy: mean ± half of its {confidence}% interval over n seeds, on "
        f"{tested_on(results, 'reviews')}; hidden layers of {hidden} units; the mean over the four "
        "categories is taken within each seed. Difference: percentage points, with a paired "
        "interval. "
        f"Selection: {results.protocol['selection']}."
    )
    if results.folds:
        text += " Training sets of folds overlap, so the intervals are somewhat too narrow."
    place = next(iter(AMAZON.values())).place
    return f"{text} Published: means over the four categories ({place} of the paper)."


def table_2(results: Results) -> str | None:
    """Return the results of a dataset of ratings in the form of the paper's Table 2, beside the
    paper's numbers for OpenTable; None where labels are not ratings.

    Arms that were not run have no row.
    """
    if results.measure is not RMSE:
        return None
    arms = {(row["activation"], row["initialization"]): row for row in results.table}
    counts = summary.layers(results)
    rows = [
        [
            *(_network(key, counts), *_paper(key), *_here(arms[key])),
            *_official(results, arm_key(arms[key])),
        ]
        for key in TABLE_2
        if key in arms
    ]
    rows += [
        [row["name"], "", "", *_here(row), *_official(results, row["baseline"])]
        for row in baselines.table(results)
    ]
    heads = ["network", "paper's RMSE*", "paper's zeros*", "RMSE here", "zeros here"]
    heads += ["RMSE on the official test part"] * bool(results.official)
    confidence = percent(results.protocol["confidence"], 0)
    small = (
        f"RMSE of the expected stars, in stars: here on {results.dataset}, mean ± half of the "
        f"{confidence}% interval over n seeds, on {tested_on(results, 'reviews')}; networks are "
        "pre-trained unless the row says otherwise. Zeros: % of the hidden outputs, or of the "
        "inputs if there is no hidden layer. *The paper's numbers are for OpenTable's reviews, "
        "which were never published, so only the order of the rows can be compared. M: recalled "
        "from the paper, without a second source."
    )
    if results.official:
        small += (
            " The official test part is in no fold: the network of every seed is scored on all of "
            "it, and it selects nothing."
        )
    return f"{table(heads, rows)}\n\n<sub>{small}</sub>"


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
    depth = "failed" if layers is None else f"{layers} {wording.plural(layers, 'layer')}"
    return f"{unit}, {depth}{', not pre-trained' if initialization == 'random' else ''}"


def _paper(key: tuple[str, str]) -> list[str]:
    row = TABLE_2[key]
    rmse = RMSE.shown(row.rmse) + _marked(row.mark)
    if row.spread is not None:
        rmse += f" ± {RMSE.shown(row.spread)}{_marked(row.spread_mark)}"
    else:
        rmse = f"not below {rmse}"
    if row.zeros is None:
        return [rmse, ""]
    return [rmse, percent(row.zeros.value, 1) + _marked(row.zeros.mark)]


def _marked(mark: str) -> str:
    return " (M)" if mark == "M" else ""


def _here(row: Row) -> list[str]:
    """Return RMSE and zeros of a row of table.csv, or of a baseline, which has no zeros."""
    mean = RMSE.shown(RMSE.mean(row))
    if RMSE.ends(row) is not None:
        mean += f" ± {RMSE.margin(row)} (n = {row['seeds']:g})"
    return [mean, percent(row["zeros_mean"], 1) if "zeros_mean" in row else ""]


def _official(results: Results, predictor: str) -> list[str]:
    """Return the cell of the official test part; no cell for a dataset without its scores."""
    if not results.official:
        return []
    rows = [row for row in results.official if row["predictor"] == predictor]
    values = [row[RMSE.key] for row in rows if row[RMSE.key] is not None]
    if not values or len(values) < len(rows):
        return [UNKNOWN]
    mean = statistics.summarize(values, results.protocol["confidence"])
    row = {f"{RMSE.key}_{end}": getattr(mean, end) for end in ("mean", "low", "high")}
    return [_here(row | {"seeds": mean.n})[0]]


def order(results: Results) -> str | None:
    """Return the order of the paper's networks in Table 2, pair by pair, beside the order here;
    None where labels are not ratings.

    The order here is that of the paired tests after Holm's correction, or undecided.
    """
    if results.measure is not RMSE:
        return None
    counts = summary.layers(results)
    tests = {frozenset((row["first"], row["second"])): row for row in results.tests}
    rows = []
    for lower, higher in combinations(sorted(TABLE_2, key=lambda key: TABLE_2[key].rmse), 2):
        test = tests.get(frozenset(map("-".join, (lower, higher))))
        if test and TABLE_2[lower].spread is not None:  # without a spread it is a lower bound
            sign = 1 if test["first"] == "-".join(lower) else -1
            rows.append([_network(lower, counts), _network(higher, counts), *_order(test, sign)])
    heads = ["lower RMSE in the paper", "higher RMSE in the paper", "difference here", "order here"]
    confidence = percent(results.protocol["confidence"], 0)
    small = (
        f"Difference: lower minus higher, in stars, mean over paired seeds with its {confidence}% "
        f"interval. Order: same as in the paper or other, by the paired test at "
        f"{results.protocol['significance']:g} after Holm's correction over all pairs of arms; the "
        "significance of the paper's order is not known."
    )
    return f"{table(heads, rows)}\n\n<sub>{small}</sub>"


def _order(test: Row, sign: int) -> list[str]:
    """Return the difference of a pair with its interval, and its order beside the paper's."""
    if test["p"] is None:
        return [UNKNOWN, "undecided"]
    decided = "same" if sign * test["difference_mean"] < 0 else "other"
    return [
        wording.difference(test, sign, RMSE),
        decided if test["significant"] else "undecided",
    ]
