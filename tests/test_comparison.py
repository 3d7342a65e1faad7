"""Tables, paired tests and curves of simulated records."""

import csv
import io
import math
from itertools import combinations

import numpy as np
import pytest

from pipeline.analysis import comparison, protocol, sequential, statistics
from pipeline.analysis import results as read
from pipeline.config.arms import Arm, arms_of
from pipeline.evaluation import first_filters
from pipeline.runtime import csv_files
from pipeline.runtime.errors import Problem
from tests import committed, synthetic

TABLE = (
    "dataset,activation,initialization,seeds,test_error_mean,test_error_std,test_error_low,"
    "test_error_high,valid_error_mean,zeros_mean,dead_units_mean,paper_test_error"
)
TESTS = (
    "first,second,n,difference_mean,low,high,p,p_holm,significant,papers_mark,seeds_needed,"
    "split_error"
)
RUNS = (
    "dataset,activation,initialization,seed,learning_rate,pretrain_learning_rates,best_epoch,"
    "valid_error,test_error,zeros,zeros_by_layer,dead_units,diverged,pretrain_diverged"
)


def make_scores(settings, dataset="digits", **options):
    """Return the scores of all arms by key."""
    return {
        arm.key: synthetic.scores(arm, settings.run.seeds, **options)
        for arm in arms_of(settings, dataset)
    }


def make_outcomes(seeds=10, dataset="digits", failed=None, **options):
    """Return the outcomes of six arms; seed 1 of the arm `failed` has no network."""
    settings = synthetic.settings(dataset, seeds)
    scores = make_scores(settings, dataset, **options)
    if failed:
        scores[failed][1] = synthetic.fail(scores[failed][1])
    return comparison.outcomes(settings, dataset, scores)


def lines(columns, rows):
    """Return the rows of a CSV file, as text by column."""
    return list(csv.DictReader(io.StringIO(csv_files.as_csv(columns, rows).decode())))


def test_columns_are_the_contract():
    """The headers of table.csv, runs.csv and tests.csv are a contract with other programs."""
    known = (comparison.TABLE, TABLE), (comparison.RUNS, RUNS), (comparison.TESTS, TESTS)
    for columns, header in known:
        assert csv_files.as_csv(columns, []).decode() == header + "\n"


def test_table_has_one_row_an_arm_in_full_precision():
    """Means are those of the records, arms in the order of params.yaml, floats unrounded."""
    results = make_outcomes(dataset="mnist")
    rows = lines(comparison.TABLE, comparison.table(results, 0.95))
    assert [(row["activation"], row["initialization"]) for row in rows] == [
        (outcome.arm.activation, outcome.arm.initialization) for outcome in results
    ]
    errors = [record["test_error"] for record in results[0].records]
    assert float(rows[0]["test_error_mean"]) == math.fsum(errors) / 10
    assert float(rows[0]["test_error_std"]) == pytest.approx(np.std(errors, ddof=1), rel=1e-12)
    assert rows[0]["paper_test_error"] == "0.0143"


def test_runs_join_lists_by_spaces():
    """Lists are joined by spaces; an empty list is an empty cell."""
    outcomes = make_outcomes(seeds=2)
    outcomes[3].records[0]["pretrain_diverged"] = ["1:0.1", "2:0.1"]
    rows = lines(comparison.RUNS, comparison.runs(outcomes))
    assert len(rows) == 12
    assert rows[2]["pretrain_learning_rates"] == "0.1 0.01"
    assert rows[0]["pretrain_learning_rates"] == ""
    assert rows[0]["zeros_by_layer"] == "0.62 0.74"
    assert rows[0]["diverged"] == ""
    assert rows[8]["diverged"] == "0.1"
    assert rows[6]["pretrain_diverged"] == "1:0.1 2:0.1"
    assert rows[7]["pretrain_diverged"] == ""


def test_failed_arm_is_kept_and_not_averaged():
    """An arm with a seed that has no network keeps its row, without any mean."""
    results = make_outcomes(failed="tanh-random")
    rows = {row["arm"]: row for row in comparison.errors(results, 0.95)}
    table = lines(comparison.TABLE, comparison.table(results, 0.95))[2]
    assert table["seeds"] == "9"
    assert {table[column] for column in comparison.TABLE[4:]} == {""}
    assert rows["tanh-random"]["error"] is None
    assert set(comparison.metrics(results, 0.95)["tanh-random"].values()) == {None}
    assert comparison.metrics(results, 0.95)["tanh-pretrained"]["test_error_mean"] > 0


def test_pairs_of_a_failed_arm_stay_untested():
    """All 15 pairs are listed; the 5 of a failed arm are empty and do not count for Holm."""
    tests = comparison.paired_tests(make_outcomes(failed="tanh-random"), 0.95, 0.05)
    empty = [row for row in tests if row["p"] is None]
    assert len(tests) == 15
    assert len(empty) == 5
    assert all("tanh-random" in (row["first"], row["second"]) for row in empty)
    least = min((row for row in tests if row["p"] is not None), key=lambda row: row["p"])
    assert least["p_holm"] == pytest.approx(10 * least["p"])


def test_different_arms_are_significant_and_equal_arms_are_not():
    """Arms at least 1.8 standard deviations apart differ significantly; copies do not."""
    settings = synthetic.settings()
    scores = make_scores(settings, spread=0.001)
    scores["tanh-pretrained"] = scores["rectifier-random"]
    results = comparison.outcomes(settings, "digits", scores)
    tests = {(t["first"], t["second"]): t for t in comparison.paired_tests(results, 0.95, 0.05)}
    far = tests["rectifier-pretrained", "softplus-random"]
    assert far["significant"] is True
    assert far["low"] < far["difference_mean"] < far["high"] < 0
    same = tests["rectifier-random", "tanh-pretrained"]
    assert (same["p"], same["p_holm"], same["significant"]) == (1.0, 1.0, False)


def test_seeds_needed_would_show_a_difference_that_is_not_significant():
    """They are those of the t-test at the level of Holm's procedure; significant pairs need none.

    Their split error is the root of the sum of e (1 - e) / n over both arms.
    """
    results = make_outcomes(spread=0.004)
    rows = comparison.paired_tests(results, 0.95, 0.05)
    levels = statistics.holm_levels([row["p"] for row in rows], 0.05)
    assert {row["significant"] for row in rows} == {True, False}
    for row, level, pair in zip(rows, levels, combinations(results, 2), strict=True):
        errors = np.array([[record["test_error"] for record in arm.records] for arm in pair])
        e = errors.mean(1)
        assert row["split_error"] == pytest.approx(math.sqrt((e * (1 - e)).sum() / 297))
        if row["significant"]:
            assert row["seeds_needed"] is None
        else:
            std = max((errors[0] - errors[1]).std(ddof=1), 1 / 297)
            distance = abs(row["difference_mean"])
            needed = sequential.seeds_needed([distance], std, level, least=10)
            assert row["seeds_needed"] == needed > 10


def test_committed_tests_are_those_of_the_committed_runs():
    """Each results/<dataset>/tests.csv follows from its runs.csv to the last byte."""
    for path in sorted(committed.folder().glob("results/*/tests.csv")):
        found = read.read(path.parent, figures=False)
        examples = {"test_examples": int(found.protocol["test_examples"])}
        results = [
            comparison.Outcome(
                Arm(path.parent.name, row["activation"], row["initialization"]),
                [run | examples for run in found.runs if read.arm_key(run) == read.arm_key(row)],
            )
            for row in found.table
        ]
        levels = found.protocol["confidence"], found.protocol["significance"]
        rows = comparison.paired_tests(results, *levels)
        assert csv_files.as_csv(comparison.TESTS, rows) == path.read_bytes()


def test_papers_mark_is_for_the_two_starts_of_one_activation():
    """The mark is True where p > 0.05 in the plain test, and only those three pairs have one."""
    tests = comparison.paired_tests(make_outcomes(), 0.95, 0.05)
    marked = [row for row in tests if row["papers_mark"] is not None]
    assert [row["first"].split("-")[0] for row in marked] == ["rectifier", "tanh", "softplus"]
    assert [row["papers_mark"] for row in marked] == [row["p"] > 0.05 for row in marked]
    assert {row["papers_mark"] for row in marked} == {True, False}


def test_no_difference_is_significant_at_one_seed():
    """One seed has means and differences, but no interval, test or mark."""
    results = make_outcomes(seeds=1)
    assert comparison.table(results, 0.95)[0]["test_error_low"] is None
    for row in comparison.paired_tests(results, 0.95, 0.05):
        assert row["n"] == 1
        assert row["p"] is row["p_holm"] is row["significant"] is row["papers_mark"] is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda scores: scores.pop("tanh-random"), "has no scores"),
        (lambda scores: scores["tanh-random"].pop(3), "lacks seed 3"),
        (lambda scores: scores["tanh-random"].append({"seed": 10}), "has an extra seed 10"),
        (lambda scores: scores["tanh-random"].append({"seed": 4}), "has an extra seed 4"),
    ],
)
def test_unequal_seeds_are_refused(change, says):
    """Missing arms, missing seeds and surplus seeds are named, with the command to run."""
    settings = synthetic.settings()
    scores = make_scores(settings)
    change(scores)
    with pytest.raises(Problem, match=f"digits / tanh / random {says}.*evaluate@digits`"):
        comparison.outcomes(settings, "digits", scores)


def test_stopped_networks_keep_counting_with_their_last_error():
    """Two networks of 2 and 3 epochs: means .4, .3, .25 and 2, 2, 1 in training."""
    outcome = make_outcomes(seeds=2)[0]
    history = [
        {"seed": 0, "chosen": True, "valid_errors": [0.5, 0.4]},
        {"seed": 0, "chosen": False, "valid_errors": [0.9] * 9},
        {"seed": 1, "chosen": True, "valid_errors": [0.3, 0.2, 0.1]},
    ]
    curve = comparison.curves([outcome], {outcome.arm.key: history})["arms"][outcome.arm.key]
    assert curve["valid_error"] == pytest.approx([0.4, 0.3, 0.25])
    assert curve["training"] == [2, 2, 1]
    assert curve["zeros_by_layer"] == pytest.approx([0.62, 0.74])


def test_filters_are_those_of_the_best_seed_spread_over_the_layer():
    """96 units give every second one, of the seed with the lowest validation error."""
    outcome = make_outcomes(seeds=3)[0]
    stack = synthetic.stack(3, width=96)
    for record, error in zip(outcome.records, [0.3, 0.1, 0.2], strict=True):
        record["valid_error"] = error
    shown = first_filters.filters(stack.only(comparison.best_seed(outcome)))
    assert comparison.best_seed(outcome) == 1
    assert shown.shape == (48, 64)
    np.testing.assert_array_equal(shown, stack.W_KIO(0)[1].numpy().T[::2].astype(np.float16))


def test_protocol_has_the_settings_and_the_standard_error():
    """The binomial standard error follows from the mean error and the size of the test split."""
    settings = synthetic.settings("mnist")
    results = make_outcomes(dataset="mnist")
    abouts = {outcome.arm.key: synthetic.about(outcome.arm, settings) for outcome in results}
    about = protocol.protocol(settings.compare, results, abouts)
    mean = np.mean([row["test_error_mean"] for row in comparison.table(results, 0.95)])
    assert about["binomial_standard_error"] == pytest.approx(math.sqrt(mean * (1 - mean) / 297))
    assert (about["seeds"], about["test_examples"], about["hidden"]) == (10, 297, [64, 64])
    assert about["paper"]["marks"]["tanh-pretrained"] == "M"
    assert about["pretrain"]["corruption"] == 0.25


def test_other_test_splits_are_refused():
    """Arms that were scored on test splits of different sizes are not compared."""
    results = make_outcomes()
    results[2].records[0]["test_examples"] = 300
    with pytest.raises(Problem, match=r"test splits of \[297, 300\]"):
        protocol.protocol(synthetic.settings().compare, results, {})


def test_unequal_budgets_are_refused():
    """An arm that was tuned on another grid than the others is not compared with them."""
    settings, results = synthetic.settings(), make_outcomes()
    abouts = {outcome.arm.key: synthetic.about(outcome.arm, settings) for outcome in results}
    abouts["tanh-random"]["finetune"]["learning_rates"] = [0.1]
    with pytest.raises(Problem, match="finetune of tanh-random"):
        protocol.protocol(settings.compare, results, abouts)
