"""The tables of Amazon's reviews, and of ratings in the form of Table 2."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.paper import published
from pipeline.report.markdown import sentiment
from tests import rated

KINDS = ("books", "dvd", "electronics", "kitchen")
NAMES = {kind: f"amazon-{kind}" for kind in KINDS}
ARMS = ("rectifier", "tanh")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Results of the four kinds, all labels; an arm's error is another in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("amazon"))
        found = {}
        for place, name in enumerate(NAMES.values()):

            def change(arm, lines, place=place):
                return [
                    line | {"test_error": line["test_error"] + 0.01 * place * (line["seed"] + 1)}
                    for line in lines
                ]

            options = {"stars": False, "change": change, "activations": ARMS}
            found[name] = rated.write(patch, name, **options)
        return found


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """Results of ratings."""
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
    mine = [row for row in results.baselines if row["baseline"] == "logistic"]
    return np.array([100 * (1 - row["test_error"]) for row in mine])


def half(values):
    """Return half of the 95% interval of the mean."""
    return stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))


def test_each_kind_has_its_row(kinds):
    """Accuracy in percent with half of its interval and n, and the paired difference."""
    found = rows(sentiment.amazon(kinds, few=False))
    assert list(found)[2:] == ["books", "DVDs", "electronics", "kitchen", "mean"]
    assert found["accuracy, %"][:3] == [
        *("pre-trained rectifier", "random rectifier", "logistic regression"),
    ]
    ours = accuracies(kinds["amazon-dvd"], "rectifier-pretrained")
    assert found["DVDs"][0] == f"{ours.mean():.2f} ± {half(ours):.2f} (n = 4)"
    gaps = ours - logistic(kinds["amazon-dvd"])
    cell = found["DVDs"][3].replace("\N{MINUS SIGN}", "-")
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", cell)]
    low, high = gaps.mean() - half(gaps), gaps.mean() + half(gaps)
    assert numbers == pytest.approx([gaps.mean(), low, high], abs=0.006)


def test_the_mean_over_kinds_is_taken_within_each_seed(kinds):
    """Its interval is that of the seeds' means, not of sixteen numbers; published ones stand by."""
    row = rows(sentiment.amazon(kinds, few=False))["mean"]
    means = np.mean([accuracies(each, "rectifier-random") for each in kinds.values()], axis=0)
    assert row[1] == f"{means.mean():.2f} ± {half(means):.2f} (n = 4)"
    assert row[4].startswith("78.95, rectifier of 3 layers")
    assert "73.72, Zhou et al. (2010)" in row[4]


@pytest.mark.parametrize("lost", KINDS)
def test_a_kind_that_is_missing_has_no_cells_and_makes_no_mean(kinds, lost):
    """Nothing is averaged over the kinds that happen to be there."""
    some = {name: each for name, each in kinds.items() if name != NAMES[lost]}
    found = rows(sentiment.amazon(some, few=False))
    assert found[sentiment.KINDS[lost]] == [*4 * ["\N{EN DASH}"], ""]
    assert found["mean"][:4] == 4 * ["\N{EN DASH}"]
    assert sum(row[0] == "\N{EN DASH}" for row in found.values()) == 2


def test_the_table_of_few_labels_is_of_other_datasets(kinds):
    """Without their results there is no table; with them it is theirs."""
    assert sentiment.amazon(kinds, few=True) is None
    assert sentiment.amazon({}, few=False) is None
    renamed = {f"{name}-few": each for name, each in kinds.items()}
    assert sentiment.amazon(renamed, few=False) is None
    assert rows(sentiment.amazon(renamed, few=True)) == rows(sentiment.amazon(kinds, few=False))


def test_arms_that_are_not_run_have_no_column(kinds):
    """Without random starts, or baselines, the table has what is there."""
    pretrained = {
        name: replace(
            each,
            table=[row for row in each.table if row["initialization"] == "pretrained"],
            runs=[run for run in each.runs if run["initialization"] == "pretrained"],
            baselines=[],
        )
        for name, each in kinds.items()
    }
    found = rows(sentiment.amazon(pretrained, few=False))
    assert found["accuracy, %"][0] == "pre-trained rectifier"
    assert len(found["accuracy, %"]) == 3
    assert found["mean"][1] == "\N{EN DASH}"


def test_table_2_has_the_papers_rows(stars):
    """Networks as the paper names them, its numbers with their marks, ours with n, zeros."""
    found = rows(sentiment.table_2(stars))
    assert list(found)[2:] == [
        "no hidden layer",
        "rectifier, 1 layer",
        "rectifier, 2 layers",
        "tanh, 2 layers",
        "rectifier, 2 layers, not pre-trained",
        "logistic regression",
        "always the same answer",
    ]
    assert found["no hidden layer"][:2] == ["0.885 ± 0.006 (M)", "99.4 (M)"]
    assert found["no hidden layer"][3] == "98.5"
    assert found["rectifier, 2 layers"][:2] == ["0.746 ± 0.004 (M)", "53.9"]
    assert found["rectifier, 2 layers, not pre-trained"][:2] == ["not below 0.833 (M)", ""]
    assert re.fullmatch(r"0\.6\d\d ± 0\.0\d\d \(n = 4\)", found["rectifier, 2 layers"][2])
    assert found["always the same answer"][0] == found["always the same answer"][3] == ""
    assert "OpenTable" in sentiment.table_2(stars)
    assert "pre-trained where nothing else is said" in sentiment.table_2(stars)


def test_table_2_is_of_ratings_alone(kinds):
    """Positive and negative reviews have no RMSE."""
    assert sentiment.table_2(kinds["amazon-books"]) is None


def test_published_numbers_of_texts():
    """Cells of Table 2 and the two means on Amazon, as fractions or in stars, with their marks."""
    amazon = {key: (number.value, number.mark) for key, number in published.AMAZON.items()}
    assert amazon == {"rectifier": (0.7895, "C"), "zhou": (0.7372, "C")}
    rmses = [row.rmse for row in published.TABLE_2.values()]
    assert rmses == [0.885, 0.807, 0.746, 0.774, 0.833]
    assert published.TABLE_2["rectifier", "pretrained"].zeros.value == 0.539
