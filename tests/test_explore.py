"""Page of sliders: every number is one of the records, and a keyboard reaches each of them."""

import csv
import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pipeline.runtime.errors import Problem
from stages import explore
from tests import committed, tables
from tests.browser import browser

# The committed experiments on the page: dataset, records, column of the levels, rows that count.
SWEEPS = (
    ("digits", "sparsity", "l1", {}),
    ("digits", "dying", "level", {"varied": "l1"}),
    ("digits", "depth", "depth", {}),
    ("digits", "rates", "rate", {}),
    ("mnist", "sparsity", "l1", {}),
)

UNKNOWN, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a copy of the committed verdicts and records."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.config.params.load", lambda: tables.OURS)
    without = shutil.ignore_patterns("dvc.lock")  # its hashes would refuse tables that a test edits
    shutil.copytree(committed.folder() / "claims", "claims", ignore=without)
    return tmp_path


def page():
    """Write the page and return it."""
    explore.main()
    return Path("report/explore.html").read_text("utf-8")


def data(html):
    """Return the sweeps as the browser reads them."""
    return json.loads(re.search(r'id="sweeps">(.*?)</script>', html)[1])


def recorded(dataset, name, column, part):
    """Return the rows of the records by activation and level, read without the library."""
    found = {}
    with Path("claims", dataset, "records", f"{name}.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if part.items() <= row.items():
                levels = found.setdefault(row.get("activation", "rectifier"), {})
                levels.setdefault(float(row[column]), []).append(row)
    return found


def column(rows, name):
    """Return a column as numbers."""
    return np.array([float(row[name]) for row in rows])


def expected(rows):
    """Return what the page must show of a condition, in percent."""
    if any(not row["test_error"] for row in rows):
        unknown = dict.fromkeys(("error", "interval", "zeros", "dead"), UNKNOWN)
        return unknown | {"n": str(len(rows))}
    errors, interval = column(rows, "test_error"), UNKNOWN
    if len(errors) > 1:
        half = stats.t.ppf(0.975, len(errors) - 1) * stats.sem(errors)
        ends = (100 * (errors.mean() + sign * half) for sign in (-1, 1))
        interval = minus("{:.2f} to {:.2f}".format(*ends))
    return {
        "error": f"{100 * mean(rows, 'test_error'):.2f}",
        "interval": interval,
        "zeros": f"{100 * mean(rows, 'zeros'):.1f}",
        "dead": f"{100 * mean(rows, 'dead_units'):.1f}",
        "n": str(len(rows)),
    }


def mean(rows, name):
    """Return the mean of a column."""
    return math.fsum(column(rows, name)) / len(rows)


def minus(text):
    """Return a number with a true minus sign."""
    return text.replace("-", MINUS)


def layers(rows, name):
    """Return a column of lists as an array, a row a network."""
    return np.array([[float(part) for part in row[name].split()] for row in rows])


def test_every_number_is_one_of_the_records(folder):
    """Means, intervals, zeros, dead units and norms of all conditions follow from the CSV files."""
    shown = data(page())
    assert len(shown) == len(SWEEPS)
    for sweep, place in zip(shown, SWEEPS, strict=True):
        records = recorded(*place)
        assert sweep["series"].keys() == records.keys()
        for activation, conditions in sweep["series"].items():
            levels = sorted(records[activation])
            assert [one["shown"]["level"] for one in conditions] == [
                minus(f"{x:g}") for x in levels
            ]
            for one, level in zip(conditions, levels, strict=True):
                check(one, records[activation][level])


def check(one, rows):
    """Compare a condition of the page with its rows."""
    wanted = expected(rows)
    assert {key: one["shown"][key] for key in wanted} == wanted
    if wanted["error"] == UNKNOWN:
        assert "Training diverged for" in one["shown"]["warning"]
        assert (one["error"], one["zeros"], one["norms"], one["dead"]) == (None, [], [], None)
        return
    assert one["error"][0] == pytest.approx(100 * column(rows, "test_error").mean(), rel=1e-5)
    zeros = 100 * layers(rows, "zeros_by_layer").mean(0)
    assert [value for value, _ in one["zeros"]] == pytest.approx(zeros, rel=1e-5)
    norms = layers(rows, "gradient_norms")[:, :-1]
    for value, layer in zip(one["norms"], norms.T, strict=True):
        if layer.min() == 0:
            assert value is None
            assert "exactly 0" in one["shown"]["warning"]
        else:
            assert value[0] == pytest.approx(stats.gmean(layer), rel=1e-5)
            assert float(value[1]) == pytest.approx(value[0], rel=0.06)
    said = [f"n = {len(rows)}", wanted["error"], "lowest validation error chose"]
    said += [wanted["interval"]] if len(rows) > 1 else ["without an interval"]
    assert all(words in one["shown"]["sentence"] for words in said)


def test_the_table_without_scripts_has_all_conditions(folder):
    """Each condition is a row of text; it is open and the sliders hidden until a script runs."""
    html = page()
    rows = re.findall(r"<tr><td>(\w+)</td><td>(\S+?)</td><td>(\d+)</td>\s*<td>(\S+) <small>", html)
    wanted = [
        (name, one["shown"]["level"], one["shown"]["n"], one["shown"]["error"])
        for sweep in data(html)
        for name, conditions in sweep["series"].items()
        for one in conditions
    ]
    assert sorted(rows) == sorted(wanted)
    assert html.count("<details open>") == html.count('class="live" hidden') == len(SWEEPS)


def test_the_page_loads_nothing(folder):
    """One file, the same bytes each time; its own policy refuses whatever is not inside."""
    html = page()
    assert not re.search(r"https?:|//\w|<link|@import|url\(|\ssrc=|fetch\(|import\(", html)
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert html == page()


def test_experiments_without_records_are_left_out(folder):
    """An absent table, an empty one and a dataset without any are named in one sentence."""
    records = Path("claims/digits/records")
    (records / "depth.csv").unlink()
    head = (records / "rates.csv").read_text("utf-8").split("\n")[0]
    (records / "rates.csv").write_text(head + "\n", "utf-8")
    html = page()
    assert len(data(html)) == len(SWEEPS) - 2
    assert (
        "cifar10-jpeg, glyphs and imdb (no sparsity, dying, depth and rates); digits (no depth"
        in html
    )
    shutil.rmtree("claims")
    assert "There are no records of these experiments yet" in page()


def test_a_table_without_a_column_is_one_message(folder):
    """The message names the file and the column."""
    path = Path("claims/digits/records/depth.csv")
    path.write_text(path.read_text("utf-8").replace("dead_units", "idle_units"), "utf-8")
    with pytest.raises(Problem, match=r"depth\.csv cannot be read \(it has no column dead_units\)"):
        page()


SECTION = "document.querySelectorAll('.sweep')[{}]"
SHOWN = """Object.fromEntries([...{}.querySelectorAll('[data-shown]')].map(
    (field) => [field.dataset.shown, field.textContent]))"""
VALUES = "[...{}.querySelectorAll('svg .value')].map((text) => text.textContent)"


@pytest.mark.xdist_group("browser")
def test_sliders_move_by_keyboard(folder, tmp_path):
    """In Chromium each slider reaches each condition of each activation; the console is empty."""
    shown = data(page())
    with browser(tmp_path / "profile") as tab:
        tab.open(Path("report/explore.html"))
        for index, sweep in enumerate(shown):
            section = SECTION.format(index)
            for count, activation in enumerate(recorded(*SWEEPS[index])):
                conditions = sweep["series"][activation]
                choose(tab, section, activation, first=count == 0)
                tab.value(f"{section}.querySelector('input').focus()")
                tab.press("Home")
                for one in conditions[:12]:
                    seen(tab, section, one)
                    tab.press("ArrowRight")
                tab.press("End")
                seen(tab, section, conditions[-1])
                tab.press("ArrowLeft")
                seen(tab, section, conditions[-2])
        assert tab.errors == []


def choose(tab, section, activation, *, first):
    """Choose an activation by the arrow key in its selector; the first is chosen already."""
    if not first:
        tab.value(f"{section}.querySelector('select').focus()")
        tab.press("ArrowDown")
    assert tab.value(f"{section}.querySelector('select').value") == activation


def seen(tab, section, one):
    """Compare the texts and the labels of the charts with a condition."""
    assert tab.value(SHOWN.format(section)) == one["shown"]
    slider = f"{section}.querySelector('input')"
    assert tab.value(f"{slider}.getAttribute('aria-valuetext')") == one["shown"]["level"]
    drawn = [one["error"], *one["zeros"], one["dead"], *one["norms"]]
    assert tab.value(VALUES.format(section)) == [
        value[1] if value else "unknown" for value in drawn
    ]
