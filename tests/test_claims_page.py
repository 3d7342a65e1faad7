"""Claims page: whole, with the verdicts of its tables; a broken file is one clear message."""

import re
import shutil
from pathlib import Path

import pytest

from pipeline.analysis import results as read
from pipeline.claims.untested import UNTESTED
from pipeline.experiments.conditions import catalogue, scoring
from pipeline.report.figures.catalogue import PLOTS
from pipeline.report.text import verdicts
from pipeline.runtime import csv_files, storage
from pipeline.runtime.errors import Problem
from stages import claims, judge
from tests import committed, tables
from tests.page_tables import error, products


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder with results of digits and MNIST, and with params.yaml as it is here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.config.params.load", lambda: tables.OURS)
    for dataset in ("digits", "mnist"):
        shutil.copytree(committed.folder() / "results" / dataset, Path("results", dataset))
    return tmp_path


def write(*names):
    """Write synthetic tables of experiments as `score` does, and judge the claims."""
    for name in names:
        columns = [*catalogue.experiment(name).factors, *scoring.COLUMNS]
        table = csv_files.as_csv(columns, tables.table(name, error, seeds=3))
        path = Path("claims/digits/records", f"{name}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(table)
    judge.main("digits")


def page():
    """Write the page and return it."""
    claims.main()
    return Path("report/claims.html").read_text()


def test_page_is_whole_and_loads_nothing(folder):
    """Figures inside, in two themes; nothing to fetch; every link leads to a place on the page."""
    write("reconstruction", "labels")
    html = page()
    assert html.count("data:image/svg+xml;base64,") == 2 * 4  # two of the arms, one of each table
    assert not re.search(r"https?:|//\w|<script|<link|@import|url\(", html)
    assert "default-src 'none'" in html
    links = set(re.findall(r'href="#([^"]+)"', html))
    assert links
    assert links <= set(re.findall(r'id="([^"]+)"', html))
    assert html == page()
    assert len(html) < 2_500_000


def test_verdicts_and_numbers_are_those_of_the_table(folder):
    """Each claim with records is one row: its number, estimate, interval, n, verdict and needs."""
    write("hardness", "conditioning")
    html = page()
    body = html.split("<tbody>")[1].split("</tbody>")[0]
    shown = [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in body.split("<tr>")[1:]]
    judged = [
        row
        for row in read.read_table(Path("claims/digits/claims.csv"))
        if row["estimate"] is not None
    ]
    assert len(shown) == len(judged) > 10
    for text, row in zip(shown, judged, strict=True):
        one = verdicts.judged([row])[0]
        assert row["claim"] in text.replace("&#39;", "'")
        assert f"{row['number']} · " in text
        assert f"{one.here} {one.interval}".strip() in text
        assert f"{(100 if row['unit'] else 1) * abs(row['estimate']):.2f}" in one.here
        assert f"n = {row['n']:g}" in text
        assert " ".join(f"{row['verdict']} {one.needed} figure".split()) in text
    assert verdicts.count(judged).split(": ")[1].split(",")[0] in html


def test_absent_tables_leave_their_figures_and_claims_out(folder):
    """Without records a claim is folded away with its reason, and there is no figure of it."""
    write("conditioning")
    html = page()
    assert 'id="digits-conditioning"' in html
    assert 'id="digits-labels"' not in html
    assert "Figure 4</h3>" not in html
    folded = html.split("without an estimate on digits")[1].split("</details>")[0]
    assert "There are no records of `labels` on this dataset." in folded
    shutil.rmtree("results/digits")
    judge.main("digits")
    assert 'id="digits-arms"' not in page()


def test_a_claim_without_a_figure_has_no_link(folder, monkeypatch):
    """A claim whose table has no figure has no link."""
    monkeypatch.delitem(PLOTS, "arms")
    judge.main("digits")
    html = page()
    assert "Rectifier networks are truly sparse" in html.split("</tbody>")[0]
    assert 'href="#digits-arms"' not in html


def spoil(change):
    path = Path("claims/digits/records/conditioning.csv")
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.splitlines()[0] + "\n", "it has no rows"),
        (lambda text: text.replace("test_error", "error", 1), "it has no column test_error"),
        (
            lambda text: text[: len(text) // 2] + "\n",
            "a row and the header differ in the number of cells",
        ),
        (lambda text: text[: len(text) // 2], "its last line is cut"),
        (lambda text: text.replace("0.1,0,", "many,0,", 1), "could not convert"),
    ],
)
def test_a_broken_table_is_one_problem(folder, change, words):
    """The file is named, with what is wrong and what to do."""
    write("conditioning")
    spoil(change)
    with pytest.raises(
        Problem, match=rf"conditioning\.csv cannot be read \(.*{words}.*make claims"
    ):
        claims.main()


def test_a_missing_run_of_an_arm_is_a_problem(folder):
    """A table of arms with fewer runs than its protocol says is not judged."""
    runs = Path("results/digits/runs.csv")
    lines = runs.read_text().splitlines(keepends=True)
    runs.write_text("".join(lines[:-1]))
    with pytest.raises(Problem, match=r"runs\.csv has 9 of 10 runs of \w+-\w+: run"):
        judge.main("digits")


def test_claims_that_were_not_judged_are_a_problem(folder):
    """The page needs claims.csv."""
    with pytest.raises(Problem, match=r"claims/digits/claims\.csv is missing: run `make claims`"):
        claims.main()


def test_times_are_claims_with_a_figure_of_their_device(folder):
    """Times of a CPU are judged and lead to their figure; claims of a GPU lack records."""
    storage.write_json(Path("results/cost.json"), {"cpu": products()})
    judge.main("digits")
    html = page()
    assert "Do zeros save computation on a CPU?" in html
    assert html.count('href="#cost-cpu"') == 2  # 16a and 32a: nothing was measured at 85% zeros
    assert "DEVICE=cuda make cost" in html.split("without an estimate on digits")[1]


def test_claims_without_a_rule_are_shown_once(folder):
    """A claim that nothing here tests is on the page with its reason, not folded away."""
    judge.main("digits")
    judge.main("mnist")
    html = page()
    shown = html.split('id="not-tested"')[1].split("</section>")[0]
    assert "<details" not in shown
    for claim in UNTESTED:
        assert html.count(f"{claim.number} · {claim.source}".replace("'", "&#39;")) == 1
        assert claim.reason.replace("'", "&#39;") in shown


def test_datasets_that_were_judged_stand_below_those_of_params(folder):
    """Datasets with verdicts are shown after those of params.yaml."""
    judge.main("mnist")
    judge.main("digits")
    html = page()
    assert html.index('<section id="digits">') < html.index('<section id="mnist">')
