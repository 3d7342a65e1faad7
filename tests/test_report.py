"""Results page, from synthetic records through compare to the HTML file."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis import results
from pipeline.config.arms import Arm
from pipeline.data.cards import data_card
from pipeline.data.sources.dataset import Dataset, NoOptions
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.split import Split
from pipeline.report.figures.arms import RESULTS_FIGURES
from pipeline.report.text import summary
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from stages import compare, report
from tests import synthetic

FIGURES = "pipeline.report.figures.arms.RESULTS_FIGURES"
HOSTILE = "<b>&'\"x"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that compares synthetic records, and reads the results."""
    monkeypatch.chdir(tmp_path)

    def make(dataset="digits", change=None, figures=4, **options):
        monkeypatch.setattr(FIGURES, RESULTS_FIGURES[:figures])
        settings = synthetic.settings(dataset, **options)
        monkeypatch.setattr("pipeline.config.params.load", lambda: settings)
        synthetic.write(settings, dataset)
        if change:
            change()
        compare.main(dataset)
        return results.read(Path("results", dataset))

    return make


def fail_tanh():
    """Let seed 1 of tanh, random end without a network."""
    arm = Arm("digits", "tanh", "random")
    scores = synthetic.scores(arm, 3)
    scores[1] = synthetic.fail(scores[1])
    storage.write_lines(arm.scores / "records.jsonl", scores)


def page():
    """Write the report and return it."""
    report.main()
    return Path("report/index.html").read_text()


def test_page_is_whole_and_loads_nothing(make):
    """One file with four figures in two themes inside, no address to fetch, at most 5 MB."""
    make(seeds=3)
    html = page()
    assert html.count("data:image/svg+xml;base64,") == 8
    assert not re.search(r"https?:|//\w|<script|<link|@import|url\(", html)
    assert len(html) < 5_000_000
    assert [path.name for path in Path("report").iterdir()] == ["index.html"]


def test_page_repeats_to_the_byte(make):
    """Comparing and reporting twice changes nothing, neither in results nor in the page."""
    make(seeds=2, figures=1)
    first = page(), {path.name: path.read_bytes() for path in Path("results/digits").iterdir()}
    compare.main("digits")
    assert first == (
        page(),
        {path.name: path.read_bytes() for path in Path("results/digits").iterdir()},
    )


def test_compare_keeps_other_files_of_the_results_folder(make):
    """A README in the results folder survives a comparison."""
    readme = Path("results/digits/README.md")
    make(seeds=2, change=lambda: storage.write_bytes(readme, b"kept"))
    assert readme.read_bytes() == b"kept"


def test_answer_comes_first_and_from_the_records(make):
    """The first sentence names the arm with the lowest mean, with its own numbers."""
    compared = make(figures=1)
    best = min(compared.table, key=lambda row: row["test_error_mean"])
    low, high = (f"{best[column] * 100:.2f}" for column in ("test_error_low", "test_error_high"))
    assert summary.answer(compared) == (
        f"Pre-trained rectifier has the lowest mean test error: {best['test_error_mean']:.2%} "
        f"(95% interval {low} to {high}, 10 seeds)."
    )
    html = page()
    assert html.index(summary.answer(compared)) < html.index("<table>")


def test_a_clear_winner_is_called_significant(make):
    """The sentence names the arms from which the best one differs, after the correction."""
    assert summary.standing(make()).startswith(
        "It differs significantly from random softplus (1 of 5 other arms"
    )

    def lower():
        arm = Arm("digits", "rectifier", "pretrained")
        scores = [s | {"test_error": s["test_error"] - 0.02} for s in synthetic.scores(arm, 10)]
        storage.write_lines(arm.scores / "records.jsonl", scores)

    assert summary.standing(make(change=lower)).startswith(
        "It differs significantly from all 5 other arms (paired t-tests, Holm's correction over "
        "15 pairs)"
    )


def test_seeds_beyond_a_thousand_are_not_counted(make):
    """A plan of several thousand seeds says no more than that it is out of reach."""
    compared = make()
    tests = [test for test in compared.tests if test["seeds_needed"]]
    for n, test in enumerate(tests):
        test["seeds_needed"] = 7999.0 if n else 7.0
    text = summary.seeds_needed(compared)
    assert "10 seeds; about 7 to more than 1,000 seeds would be needed, with 80% power" in text
    tests[0]["seeds_needed"] = 1001.0
    assert "10 seeds; more than 1,000 seeds would be needed" in summary.seeds_needed(compared)


def test_failed_arm_is_named(make):
    """A failed arm stands in the page with how many of its seeds have a network."""
    make(seeds=3, change=fail_tanh)
    html = " ".join(page().split())
    assert "Random tanh failed: 2 of 3 seeds have a network" in html
    assert "not tested: an arm failed" in html
    row = html.split("<td>tanh, random</td>")[-1].split("</tr>")[0]
    assert re.findall(r"([\d.]+) <span class=.soft.>\S (\d)", row)[-2:] == [
        *(("0.1", "1"), ("0.01", "1"))
    ]


def test_divergence_in_pretraining_is_shown(make):
    """Layers and rates that diverged are counted over seeds."""
    make(seeds=2, figures=1)
    assert "Failed in pre-training" not in page()
    runs = Path("results/digits/runs.csv")
    head, *lines = runs.read_text().splitlines()
    places = ["2:0.1" if "softplus,pretrained" in line else "" for line in lines]
    rows = [f"{line}{place}" for line, place in zip(lines, places, strict=True)]
    runs.write_text("\n".join([head, *rows, ""]))
    html = page()
    assert "Failed in pre-training" in html
    assert 'layer 2, rate 0.1 <span class="soft">\N{MULTIPLICATION SIGN} 2</span>' in html


def test_every_arm_may_fail(make):
    """With no arm left there is still a page, and it calls none the best."""

    def fail_all():
        for activation in ("rectifier", "tanh"):
            arm = Arm("digits", activation, "random")
            scores = [synthetic.fail(score) for score in synthetic.scores(arm, 2)]
            storage.write_lines(arm.scores / "records.jsonl", scores)

    arms = {"activations": ["rectifier", "tanh"], "initializations": ["random"]}
    compared = make(seeds=2, change=fail_all, **arms)
    assert "no arm can be called the best" in summary.answer(compared)
    assert "no arm can be called the best" in page()


def test_one_seed_has_no_interval_and_no_test(make):
    """With one seed there is no interval and no test, and the page says so."""
    compared = make(seeds=1)
    assert "(one seed: no interval)" in summary.answer(compared)
    assert summary.standing(compared).startswith("With one seed no test is possible")
    assert "±" not in page().split("<tbody>")[1].split("</tbody>")[0]


def test_one_arm_has_nothing_to_be_compared_with(make):
    """A comparison of one arm makes a page without tests."""
    compared = make(seeds=2, activations=["tanh"], initializations=["random"])
    assert summary.standing(compared) == ""
    assert "Paired tests" not in page()


def test_papers_numbers_stand_beside_ours(make):
    """On MNIST the table has the paper's error of each arm, and the mark of the unsure ones."""
    make("mnist", seeds=3, figures=1)
    html = page()
    assert ">1.43</td>" in html
    assert '1.16<span class="soft">*</span>' in html


def test_missing_and_broken_files_are_problems(make):
    """The report names a file that is not there, and one that was cut short."""
    make(seeds=2)
    curves = Path("results/digits/curves.json")
    content = curves.read_bytes()
    curves.unlink()
    with pytest.raises(Problem, match=r"results/digits/curves\.json is missing"):
        report.main()
    curves.write_bytes(content)
    Path("results/digits/filters.npz").write_bytes(b"PK")
    with pytest.raises(Problem, match=r"filters\.npz cannot be read"):
        report.main()


def write_card(shape=(4, 4), classes=("even", HOSTILE), recipe=""):
    """Write the card of synthetic data as preprocess does; its address could be fetched."""
    form = Encoding(shape, classes, 1 / 255, pipeline=recipe)
    x_NI = np.random.default_rng(0).integers(0, 256, (1200, form.inputs)).astype(np.uint8)
    split = Split(x_NI, np.arange(1200) % len(classes), form)
    for part in ("train", "valid", "test"):
        examples.write(split, Path("made", f"{part}.npz"))
    words = {"name": "digits", "title": HOSTILE, "address": "https://some.where/"}
    dataset = Dataset(**words, citation=HOSTILE, license="http://a", split=lambda *_: None)
    Path("raw").mkdir()
    folders = {"raw": Path("raw"), "ready": Path("made"), "out": Path("results/digits")}
    data_card.write(dataset, NoOptions(), NoOptions(), **folders)


def test_data_have_a_card(make):
    """The card has the counts, each class, one sheet of pictures and no address to fetch."""
    make(seeds=2, figures=1, change=write_card)
    html = page()
    assert html.count("data:image/png;base64,") == 1
    assert "3,600 gray images of 4 \N{MULTIPLICATION SIGN} 4 pixels in 2 classes." in html
    assert "<td>even</td><td>600</td><td>600</td><td>600</td>" in html
    assert "<dd>some.where</dd>" in html
    assert HOSTILE not in html
    assert not re.search(r"https?:|//\w|<script|<link|@import|url\(", html)


def test_modules_of_a_generator_are_named_beside_their_pictures(make):
    """The rows have the modules' names, and a second sheet shows what is trained on."""
    generated = {"shape": (32, 32), "recipe": "nistp"}
    make(seeds=2, figures=1, change=lambda: write_card(**generated))
    html = page()
    assert html.count("data:image/png;base64,") == 2
    rows = re.findall(r"<li title=\"[^\"]*\"><span>(.*?)</span>", html)
    assert rows[:3] == ["source", "slant", "thickness"]
    assert "The same characters before and after each module" in html
    assert "drawn without end from 1,200 clean characters" in html


def test_data_without_pictures_have_a_card_without(make):
    """Rows of numbers are described and not drawn."""
    make(seeds=2, figures=1, change=lambda: write_card((16,)))
    html = page()
    assert "rows of 16 numbers" in html
    assert "data:image/png" not in html


def test_a_card_without_its_pictures_is_shown(make):
    """Git keeps the card and not the samples; results without either have no card."""
    make(seeds=2, figures=1, change=write_card)
    Path("results/digits/samples.npz").unlink()
    assert "The data" in page()
    Path("results/digits/card.json").unlink()
    assert "The data" not in page()


def test_a_broken_card_is_a_problem(make):
    """A file cut short is named."""
    make(seeds=2, figures=1, change=write_card)
    np.savez("results/digits/samples.npz", y=np.zeros(1))
    with pytest.raises(Problem, match=r"samples\.npz cannot be read"):
        report.main()
    Path("results/digits/card.json").write_text("{")
    with pytest.raises(Problem, match=r"card\.json cannot be read"):
        report.main()
