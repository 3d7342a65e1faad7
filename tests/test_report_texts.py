"""Report of reviews: RMSE in stars, baselines, folds, and networks of different depths."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis import baselines
from pipeline.analysis.criterion import ERROR, RMSE, UNKNOWN
from pipeline.analysis.results import arm_key
from pipeline.report.figures import arms, dataset_card, style
from pipeline.report.markdown import readme
from pipeline.report.text import protocol, summary
from stages import report
from tests import rated


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that compares synthetic scores of reviews, and reads the results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.report.figures.arms.RESULTS_FIGURES", arms.RESULTS_FIGURES[:1])
    return lambda **options: rated.write(monkeypatch, **options)


def page():
    """Write the report and return it, its white space as single blanks."""
    report.main()
    return " ".join(Path("report/index.html").read_text().split())


def swap(arm, lines):
    """Let tanh, random have the lowest error and the highest RMSE."""
    if arm.key != "tanh-random":
        return lines
    return [line | {"test_error": 0.1, "test_rmse": 1.1 + 0.01 * line["seed"]} for line in lines]


def test_ratings_are_ranked_by_their_rmse(make):
    """The best arm, its gap to the next and its interval are those of RMSE, in stars."""
    compared = make(change=swap)
    best = summary.ranked(compared)[0]
    assert compared.measure is RMSE
    assert (arm_key(best), best["test_rmse_mean"] > 0.6) == ("rectifier-pretrained", True)
    answer = summary.answer(compared)
    mean, low = best["test_rmse_mean"], best["test_rmse_low"]
    assert answer.startswith(
        f"Pre-trained rectifier has the lowest mean test RMSE: {mean:.3f} stars "
        f"(95% interval {low:.3f} to "
    )


def test_classes_are_ranked_by_their_error(make):
    """Errors of reviews without stars are in percent and points."""
    compared = make(dataset="reviews", stars=False)
    assert compared.measure is ERROR
    assert re.search(r"lowest mean test error: 2\d\.\d\d% ", summary.answer(compared))
    assert "stars" not in page().split("<main>")[1]


def test_the_table_has_the_rmse_first_and_baselines_below(make):
    """RMSE, then error; after the arms the logistic regression and the constant, with n."""
    compared = make()
    html = page()
    head = html.split("<h3>The arms</h3>")[1].split("</thead>")[0]
    assert head.index("Test RMSE<small>stars") < head.index("Test error<small>%")
    body = html.split("<h3>The arms</h3>")[1].split("</tbody>")[0]
    logistic = baselines.table(compared)[0]
    assert f"{logistic['test_rmse_mean']:.3f}" in body.split("logistic regression")[1]
    assert body.index("tanh, pre-trained") < body.index("logistic regression")
    assert body.count("<tr") == 1 + 8 + 2
    assert "Test RMSE by arm" in html


def test_readme_tables_have_no_column_that_is_empty(make):
    """No paper's error, since Table 1 is not of texts; the RMSE with its unit; baselines."""
    text = readme.comparison(make())
    head, line, *rows = text.splitlines()
    measures = "test RMSE, stars, here | test error, %, here"
    assert head == f"| stars | {measures} | exact zeros, % | dead units, % |"
    assert line == "|---|---|---|---|---|"
    assert re.match(r"\| random linear \| 0\.9\d\d ± 0\.0\d\d \| 3\d\.", rows[0])
    assert rows[8].startswith("| logistic regression | 0.8")
    assert rows[9].startswith("| always the same answer | 1.2")
    assert rows[9].endswith("|  |  |")
    assert "a fold of 200 test examples for each seed" in text
    assert "For arms without hidden layers, exact zeros are counted in the inputs" in text


@pytest.mark.parametrize(("folds", "word"), [(10, "lower"), (None, "higher")])
def test_the_best_arm_is_compared_with_the_logistic_regression(make, folds, word):
    """The paired difference of the two, whichever is lower; one split has one fit for all seeds."""

    def change(arm, lines):
        worse = 0.4 if word == "lower" else 0.0
        return [line | {"test_rmse": line["test_rmse"] + worse} for line in lines]

    compared = make(folds=folds, change=change)
    best = summary.ranked(compared)[0]
    fits = [row["test_rmse"] for row in compared.baselines if row["baseline"] == "logistic"]
    assert len(fits) == (4 if folds else 1)
    gap = abs(np.mean(fits) - best["test_rmse_mean"])
    sentence = summary.against_baseline(compared)
    assert sentence == " ".join(sentence.split())
    assert f"has {np.mean(fits):.3f} stars, {gap:.3f} stars {word} (95% interval " in sentence
    low, high = map(float, re.search(r"interval (\S+) to (\S+), paired", sentence).groups())
    assert low < gap < high


def test_the_note_of_the_baselines_names_their_choice(make):
    """The note has the criterion that chose C, the chosen C, and the fits that were stopped."""
    compared = make()
    assert "lowest validation RMSE" in summary.baselines_note(compared)
    assert "C: 0.1 (4 of 4)" in summary.baselines_note(compared)
    assert "stopped" not in summary.baselines_note(compared)
    compared.baselines[0]["converged"] = False
    assert "1 fit stopped before the end." in summary.baselines_note(compared)


def test_results_without_baselines_name_none(make):
    """Folders of earlier versions have no such file, images have no such rows."""
    make()
    Path("results/stars/baselines.csv").unlink()
    html = page()
    assert "logistic" not in html.lower()
    make()
    rows = readme.comparison(make(folds=None))
    assert "logistic" in rows
    card = Path("results/stars/card.json")
    card.write_text(card.read_text().replace('"text"', '"no_text"'))
    assert "logistic" not in page().lower()


def test_the_interval_of_folds_is_said_to_be_narrow(make):
    """Each seed has a fold of its own, and training parts overlap; else there is one test split."""
    make()
    html = page()
    assert "fold of its own: it says how much the result moves with the test examples" in html
    assert "somewhat too narrow" in html
    assert "one fixed test split" not in html
    assert "Test split: a fold of 200 examples for each seed." in html
    make(folds=None)
    html = page()
    assert "one fixed test split" in html
    assert "narrow" not in html


def test_the_card_has_the_folds_in_place_of_one_division(make):
    """With folds the card has neither the rule nor the test share of a single split."""
    facts = dict(dataset_card.data(make()).facts)
    assert facts["Splits"].startswith("Each seed tests on its own fold of 10")
    assert "10% of the other labeled texts validate" in facts["Splits"]
    assert "test" not in facts["Options"]
    facts = dict(dataset_card.data(make(folds=None)).facts)
    assert facts["Splits"] == "Once and for all."
    assert "test: 0.3" in facts["Options"]


def test_the_protocol_has_the_noise_of_texts(make):
    """Salt and pepper below, masking above, sampled reconstruction, and what rebuilds."""
    conditions = dict(protocol.conditions(make()))
    assert "80% of the terms dropped, 0.5% of the others turned on" in conditions["Pre-training"]
    assert "above: 50% and 30% masked" in conditions["Pre-training"]
    assert (
        "20% of the terms rebuilt at a step (reconstruction sampling)" in conditions["Pre-training"]
    )
    assert "rectifier and rectifier-1: rebuilt by a sigmoid" in conditions["Pre-training"]
    assert conditions["Hidden layers"] == (
        "64, 64 units; linear has none, rectifier-1 has the lowest alone"
    )
    assert "10 folds in a division" in conditions["Seeds"]


def test_the_protocol_has_masking_alone(make):
    """Protocols of earlier versions have no keys of other noise."""
    compared = make()
    plain = {"learning_rates": [0.1], "batch_size": 10, "epochs": 2, "patience": 1}
    compared.protocol["pretrain"] = plain | {"corruption": 0.25, "tied": True}
    text = dict(protocol.conditions(compared))["Pre-training"]
    assert text.endswith("; 25% of the inputs masked, tied decoder weights")


def test_stars_are_drawn_in_stars_with_the_baselines(make):
    """Dots and bar are RMSEs; a dashed line at the regression, dotted at a constant in reach."""
    compared = make()
    axes = arms.errors_by_arm(compared, style.LIGHT).axes[0]
    assert axes.get_xlabel() == "test RMSE, stars"
    row = compared.table[0]
    dots, bar, circle = axes.lines[:3]
    assert dots.get_xdata() == pytest.approx([run["test_rmse"] for run in compared.runs[:4]])
    assert bar.get_xdata() == pytest.approx([row["test_rmse_low"], row["test_rmse_high"]])
    assert circle.get_xdata() == pytest.approx([row["test_rmse_mean"]])
    (line,) = (line for line in axes.lines if line.get_linestyle() == "--")
    assert line.get_xdata()[0] == pytest.approx(baselines.table(compared)[0]["test_rmse_mean"])


def test_a_baseline_far_off_is_named_and_not_drawn(make):
    """A constant far to the right of all arms would leave them a corner of the figure."""
    compared = make()
    assert [row["baseline"] for row in baselines.near(compared)] == ["logistic"]
    caption = arms.errors_caption(compared)
    assert "Dashed line: logistic regression." in caption
    assert re.search(r"Far to the right: always the same answer, 1\.2\d\d stars\.", caption)
    for run in compared.runs:
        run["test_rmse"] += 0.4 * (run["activation"] == "linear")
    assert len(baselines.near(compared)) == 2
    assert "Dotted line: always the same answer." in arms.errors_caption(compared)


def test_networks_without_hidden_layers_have_no_zeros_by_layer(make):
    """Their row says so; their inputs' zeros are not among those of hidden outputs."""
    compared = make()
    axes = arms.sparsity_by_layer(compared, style.LIGHT).axes[0]
    assert [text.get_text() for text in axes.texts].count("no layer") == 2
    assert len(axes.patches) == 2 * (0 + 1 + 2 + 2)
    assert "or of an arm without hidden layers inputs that are" in page()


def test_a_comparison_of_networks_without_hidden_layers_is_drawn(make):
    """Figures cope with no layer at all, and with one epoch."""
    compared = make(activations=("linear",))
    compared.protocol["hidden"] = []
    for curve in compared.curves["arms"].values():
        curve |= {"valid_error": curve["valid_error"][:1], "training": curve["training"][:1]}
    style.svg(arms.sparsity_by_layer, compared, style.LIGHT)
    panel = arms.validation_curves(compared, style.LIGHT).axes[0]
    assert [line.get_marker() for line in panel.lines] == ["o", "o"]


def test_a_failed_arm_of_ratings_is_named(make):
    """Without a mean of the RMSE an arm is not ranked, and the page says that it failed."""

    def change(arm, lines):
        lost = dict.fromkeys(("test_error", "test_rmse", "zeros", "valid_error", "valid_rmse"))
        lost |= {"zeros_by_layer": [], "learning_rate": None, "dead_units": None}
        return [lines[0] | lost, *lines[1:]] if arm.key == "tanh-random" else lines

    compared = make(change=change)
    assert len(summary.ranked(compared)) == 7
    assert "Random tanh failed: 3 of 4 seeds have a network" in page()
    assert "| random tanh" + 4 * f" | {UNKNOWN}" + " |" in readme.comparison(compared)
