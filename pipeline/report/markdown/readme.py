"""Generated blocks of README.md and docs/: datasets, experiments, stages, arms and verdicts."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pipeline.analysis import baselines
from pipeline.analysis.criterion import ERROR, RMSE, UNKNOWN, Criterion
from pipeline.analysis.results import Results, Row, arm_key
from pipeline.claims.catalogue import MEASURED_ONCE
from pipeline.config.params import Compare
from pipeline.report.markdown.blocks import table
from pipeline.report.text import summary, verdicts, wording
from pipeline.report.text.protocol import tested_on

SHARES = {"exact zeros, %": "zeros_mean", "dead units, %": "dead_units_mean"}
# The claims of README.md: the paper's main ones, and the first objections to them.
HEADLINES = (
    *("rectifier-as-good-as-tanh", "rectifier-as-good-as-softplus", "rectifier-is-sparse"),
    *("sparsity-does-no-harm", "pretraining-leaves-rectifier", "rectifier-units-die"),
)


def comparison(results: Results) -> str:
    """Return the table of a dataset's arms, the result in a sentence, and the protocol.

    The paper's errors have a column where Table 1 has the dataset. Baselines are the last rows;
    their shares of zeros and dead units are empty.
    """
    columns = _columns(results)
    measured = baselines.table(results)
    rows = [(wording.spoken(row), row) for row in results.table]
    rows += [(row["name"], row) for row in measured]
    lines = [[name, *(cell(row) for cell in columns.values())] for name, row in rows]
    result = [
        summary.answer(results),
        summary.standing(results),
        summary.seeds_needed(results),
        summary.against_baseline(results),
    ]
    protocol = [_protocol(results), summary.baselines_note(results) if measured else None]
    return "\n\n".join(
        [
            table([results.dataset, *columns], lines),
            " ".join(filter(None, result)),
            f"<sub>{' '.join(filter(None, protocol))}</sub>",
        ]
    )


def _columns(results: Results) -> dict[str, Callable[[Row], str]]:
    """Return the columns of a dataset's table, each a function from a row to its cell."""
    columns: dict[str, Callable[[Row], str]] = {
        "test error, %, paper": partial(_share, "paper_test_error", 2)
    }
    for measure in dict.fromkeys((results.measure, ERROR)):
        unit = "stars" if measure is RMSE else "%"
        columns[f"{measure.name}, {unit}, here"] = partial(_with_margin, measure)
    return columns | {name: partial(_share, column, 1) for name, column in SHARES.items()}


def _with_margin(measure: Criterion, row: Row) -> str:
    mean = measure.shown(measure.mean(row))
    return mean if measure.ends(row) is None else f"{mean} ± {measure.margin(row)}"


def _share(column: str, digits: int, row: Row) -> str:
    return wording.percent(row[column], digits) if column in row else ""


def _protocol(results: Results) -> str:
    """Return the protocol of a dataset's table in words."""
    protocol = results.protocol
    confidence = wording.percent(protocol["confidence"], 0)
    grid = ", ".join(f"{rate:g}" for rate in protocol["finetune"]["learning_rates"])
    text = (
        f"Mean ± half of the {confidence}% interval over {protocol['seeds']} paired seeds, on"
        f" {tested_on(results, 'test examples')}. Selection: {protocol['selection']};"
        f" learning rates {grid}, at most {wording.epochs(protocol['finetune'])}."
    )
    if results.folds:
        text += " Training sets of folds overlap, so the intervals are somewhat too narrow."
    if 0 in summary.layers(results).values():
        text += " For arms without hidden layers, exact zeros are counted in the inputs."
    return text


def order(results: Results) -> str:
    """Return the order of the paper's arms in Table 1, pair by pair, beside the order here.

    Empty where Table 1 lacks the dataset. The order here is that of the paired tests after Holm's
    correction; for an undecided pair, that of the means is added.
    """
    papers = {arm_key(row): row["paper_test_error"] for row in results.table}
    names = {arm_key(row): wording.spoken(row) for row in results.table}
    rows = []
    for test in results.tests:
        pair = [test["first"], test["second"]]
        lower, higher = sorted(pair, key=lambda key: papers[key] or 0.0)
        if not (papers[lower] and papers[higher]) or test["p"] is None:
            continue
        sign = 1 if lower == pair[0] else -1
        means = "same" if sign * test["difference_mean"] < 0 else "other"
        rows.append(
            [
                *(names[lower], names[higher], wording.percent(papers[lower] - papers[higher])),
                wording.difference(test, sign, ERROR),
                means if test["significant"] else f"undecided, means: {means}",
            ]
        )
    if not rows:
        return ""
    protocol = results.protocol
    confidence = wording.percent(protocol["confidence"], 0)
    small = (
        f"Difference: lower minus higher, in points of test error, mean over {protocol['seeds']}"
        f" paired seeds with its {confidence}% interval. Order: same as in the paper or other, by"
        f" the paired test at {protocol['significance']:g} after Holm's correction over all pairs"
        " of arms. The paper has one error per arm, without a spread."
    )
    heads = ["lower error in the paper", "higher error in the paper", "paper", "here", "order here"]
    return f"{table(heads, rows)}\n\n<sub>{small}</sub>"


def claims(dataset: str, judged: Sequence[Row], compare: Compare) -> str:
    """Return the claims of a dataset that have records there, each with verdict and interval."""
    tested = _tested(judged)
    here = f"here ({wording.percent(compare.confidence, 0)}% interval)"
    rows = [
        [
            row.number,
            row.claim,
            f"**{row.verdict}** {row.needed}".strip(),
            f"{row.here} {row.interval}".strip(),
            row.paper,
        ]
        for row in verdicts.judged(tested)
    ]
    small = (
        f"{verdicts.count(tested)}, on {dataset}. A verdict follows from a fixed rule"
        " (`pipeline/claims/`) and an interval widened by Holm's correction at"
        f" {compare.significance}; `claims/{dataset}/claims.csv` has the rules, margins, numbers"
        " of seeds and the intervals that decide. Needed: number of seeds that would decide the"
        " claim with 80% power if the observed estimate and standard deviation are the true ones;"
        " test examples: upper bound on the standard error from sampling the test split, which"
        " more seeds do not reduce."
    )
    if others := len(judged) - len(tested):
        small += (
            f" {others} other {wording.plural(others, 'claim')} have no estimate on this dataset."
        )
    return f"{table(['no.', 'claim', 'verdict', here, 'paper'], rows)}\n\n<sub>{small}</sub>"


def headlines(judged: Mapping[str, Sequence[Row]]) -> str:
    """Return the main claims with their verdicts on each dataset, from the rows of claims.csv."""
    by_key = {dataset: {row["key"]: row for row in rows} for dataset, rows in judged.items()}
    rows = []
    for key in HEADLINES:
        here = [claims_of[key] for claims_of in by_key.values() if key in claims_of]
        papers = [one.paper for one in verdicts.judged(here) if one.paper != UNKNOWN]
        cells = [_verdict(claims_of.get(key)) for claims_of in by_key.values()]
        rows.append([here[0]["claim"], papers[0] if papers else UNKNOWN, *cells])
    return table(["claim", "paper (MNIST)", *judged], rows)


def _verdict(row: Row | None) -> str:
    if row is None or row["estimate"] is None:
        return UNKNOWN
    return f"**{row['verdict']}**, {verdicts.here(row)}"


def counts(judged: Mapping[str, Sequence[Row]]) -> str:
    """Return how many claims have which verdict on each dataset, and how many have no estimate.

    Claims that are measured once for all datasets are left out.
    """
    rows = []
    for dataset, every in judged.items():
        of_dataset = [row for row in every if row["number"] not in MEASURED_ONCE]
        tested = _tested(of_dataset)
        found = [sum(row["verdict"] == verdict for row in tested) for verdict in verdicts.VERDICTS]
        rows.append([f"`{dataset}`", *map(str, [*found, len(of_dataset) - len(tested)])])
    return table(["dataset", *verdicts.VERDICTS, "without estimate"], rows)


def _tested(judged: Sequence[Row]) -> list[Row]:
    return [row for row in judged if row["estimate"] is not None]


def named(heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return a table whose rows are named by code: datasets, experiments, stages."""
    return table(heads, [[f"`{name}`", *cells] for name, cells in rows.items()])
