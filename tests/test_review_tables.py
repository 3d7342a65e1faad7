"""Tables of results on reviews: Amazon's four kinds of products, and the form of Table 2."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.report.markdown import reviews
from tests import rated

KINDS = ("books", "dvd", "electronics", "kitchen")
NAMES = {kind: f"amazon-{kind}" for kind in KINDS}
ARMS = ("rectifier", "tanh")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Return results of the four kinds, all labels; an arm's error differs between kinds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("amazon"))
        results = {}
        for place, name in enumerate(NAMES.values()):

            def change(arm, lines, place=place):
                return [
                    line | {"test_error": line["test_error"] + 0.01 * place * (line["seed"] + 1)}
                    for line in lines
                ]

            options = {"stars": False, "change": change, "activations": ARMS}
            results[name] = rated.write(patch, name, **options)
        return results


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """Return results of ratings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("stars"))
        return rated.write(patch, "amazon-stars")


def rows(table):
    """Return the cells of a Markdown table's rows by the first one."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def accuracies(results, key):
    """Return the accuracies of an arm in percent, by seed."""
    runs = [run for run in results.runs if f"{run['activation']}-{run['initialization']}" == key]
    return np.array([100 * (1 - run["test_error"]) for run in runs])


def logistic(results):
    """Return the accuracies of the logistic regression in percent, by seed."""
    fits = [row for row in results.baselines if row["baseline"] == "logistic"]
    return np.array([100 * (1 - fit["test_error"]) for fit in fits])


def half(values):
    """Return half the width of the 95% interval of the mean."""
    return stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))


def test_each_kind_has_its_row(kinds):
    """Accuracy in percent with half of its interval and n, and the paired difference."""
    cells = rows(reviews.amazon(kinds, few=False))
    assert list(cells)[2:] == ["books", "DVDs", "electronics", "kitchen", "mean"]
    assert cells["accuracy, %"][:3] == [
        *("pre-trained rectifier", "random rectifier", "logistic regression"),
    ]
    ours = accuracies(kinds["amazon-dvd"], "rectifier-pretrained")
    assert cells["DVDs"][0] == f"{ours.mean():.2f} ± {half(ours):.2f} (n = 4)"
    gaps = ours - logistic(kinds["amazon-dvd"])
    cell = cells["DVDs"][3].replace("\N{MINUS SIGN}", "-")
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", cell)]
    low, high = gaps.mean() - half(gaps), gaps.mean() + half(gaps)
    assert numbers == pytest.approx([gaps.mean(), low, high], abs=0.006)


def test_the_mean_over_kinds_is_taken_within_each_seed(kinds):
    """Its interval is of the seeds' means, not of sixteen numbers; published means follow."""
    row = rows(reviews.amazon(kinds, few=False))["mean"]
    means = np.mean([accuracies(results, "rectifier-random") for results in kinds.values()], axis=0)
    assert row[1] == f"{means.mean():.2f} ± {half(means):.2f} (n = 4)"
    assert row[4].startswith("78.95, rectifier of 3 layers")
    assert "73.72, Zhou et al. (2010)" in row[4]


@pytest.mark.parametrize("lost", KINDS)
def test_a_kind_that_is_missing_has_no_cells_and_makes_no_mean(kinds, lost):
    """No mean is taken over the remaining kinds."""
    some = {name: results for name, results in kinds.items() if name != NAMES[lost]}
    cells = rows(reviews.amazon(some, few=False))
    assert cells[reviews.KINDS[lost]] == [*4 * ["\N{EN DASH}"], ""]
    assert cells["mean"][:4] == 4 * ["\N{EN DASH}"]
    assert sum(row[0] == "\N{EN DASH}" for row in cells.values()) == 2


def test_the_table_of_few_labels_is_of_other_datasets(kinds):
    """Results with all labels make no table of few labels, and the other way round."""
    assert reviews.amazon(kinds, few=True) is None
    assert reviews.amazon({}, few=False) is None
    renamed = {f"{name}-few": results for name, results in kinds.items()}
    assert reviews.amazon(renamed, few=False) is None
    assert rows(reviews.amazon(renamed, few=True)) == rows(reviews.amazon(kinds, few=False))


def test_arms_that_are_not_run_have_no_column(kinds):
    """Without random starts and baselines, the pre-trained rectifier has the one column."""
    pretrained = {
        name: replace(
            results,
            table=[row for row in results.table if row["initialization"] == "pretrained"],
            runs=[run for run in results.runs if run["initialization"] == "pretrained"],
            baselines=[],
        )
        for name, results in kinds.items()
    }
    cells = rows(reviews.amazon(pretrained, few=False))
    assert cells["accuracy, %"] == ["pre-trained rectifier", "published"]


def test_table_2_has_the_papers_rows(stars):
    """Networks as the paper names them, its numbers with their marks, ours with n, zeros."""
    cells = rows(reviews.table_2(stars))
    assert list(cells)[2:] == [
        "no hidden layer",
        "rectifier, 1 layer",
        "rectifier, 2 layers",
        "tanh, 2 layers",
        "rectifier, 2 layers, not pre-trained",
        "logistic regression",
        "always the same answer",
    ]
    assert cells["no hidden layer"][:2] == ["0.885 ± 0.006 (M)", "99.4 (M)"]
    assert cells["no hidden layer"][3] == "98.5"
    assert cells["rectifier, 2 layers"][:2] == ["0.746 ± 0.004 (M)", "53.9"]
    assert cells["rectifier, 2 layers, not pre-trained"][:2] == ["not below 0.833 (M)", ""]
    assert re.fullmatch(r"0\.6\d\d ± 0\.0\d\d \(n = 4\)", cells["rectifier, 2 layers"][2])
    assert cells["always the same answer"][0] == cells["always the same answer"][3] == ""
    assert "OpenTable" in reviews.table_2(stars)
    assert "pre-trained unless the row says otherwise" in reviews.table_2(stars)


def test_table_2_has_the_official_test_part_where_it_was_scored(stars):
    """Mean, interval and n over the rows of a predictor; a failed seed leaves no mean."""
    values = [0.7, 0.8, 0.9, 0.8]
    official = [
        {"predictor": predictor, "seed": seed, "test_error": 0.5, "test_rmse": rmse}
        for predictor, rmses in {
            "rectifier-pretrained": values, "logistic": [0.5] * 4, "tanh-pretrained": [0.7, None],
        }.items()
        for seed, rmse in enumerate(rmses)
    ]  # fmt: skip
    cells = rows(reviews.table_2(replace(stars, official=official)))
    assert cells["network"][4] == "RMSE on the official test part"
    assert cells["rectifier, 2 layers"][4] == f"0.800 ± {half(np.array(values)):.3f} (n = 4)"
    assert cells["logistic regression"][4] == "0.500 ± 0.000 (n = 4)"
    assert cells["tanh, 2 layers"][4] == cells["no hidden layer"][4] == "\N{EN DASH}"
    assert {len(cells) for cells in rows(reviews.table_2(stars)).values()} == {4}


def test_order_of_table_2_is_that_of_the_paired_tests(stars):
    """Same or other than the paper's where the test separates two networks, else undecided."""
    table = reviews.order(stars)
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:1] == "|"][2:]
    assert len(cells) == 9  # of ten pairs: the random rectifier's number is a lower bound
    assert ["rectifier, 2 layers, not pre-trained", "no hidden layer"] not in [c[:2] for c in cells]
    tests = {(row["first"], row["second"]): row for row in stars.tests}
    test = tests["rectifier-1-pretrained", "rectifier-pretrained"]
    [cell] = [c for c in cells if c[:2] == ["rectifier, 2 layers", "rectifier, 1 layer"]]
    gap = -test["difference_mean"]
    assert cell[2].split()[0].replace("\N{MINUS SIGN}", "-") == f"{gap:.3f}"
    assert cell[3] == ("same" if test["significant"] else "undecided")
    turned = [
        row | {"difference_mean": -row["difference_mean"], "significant": True}
        for row in stars.tests
    ]
    lines = reviews.order(replace(stars, tests=turned)).splitlines()
    orders = {line.strip("| ").split(" | ")[3] for line in lines if "layer" in line}
    assert orders == {"other"}
    assert "Holm" in table


def test_table_2_is_of_ratings_alone(kinds):
    """Positive and negative reviews have no RMSE, so no such table."""
    assert reviews.table_2(kinds["amazon-books"]) is None
    assert reviews.order(kinds["amazon-books"]) is None
