"""Evidence across datasets: pooled effects, ranks of arms, the page, LaTeX."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis import results, statistics
from pipeline.evidence import latex, page
from pipeline.evidence import ranks as evidence_ranks
from pipeline.evidence.pooling import pool
from pipeline.evidence.ranks import ranks
from stages import evidence
from tests import committed, tables


def test_effects_of_equal_errors_are_pooled_as_a_plain_mean():
    """Equal standard errors give the t interval of the mean, and I^2 from the effects' variance."""
    effects = [1.0, 2.0, 6.0, 7.0]
    found, plain = pool(effects, [0.5] * 4, 0.95), statistics.summarize(effects, 0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((plain.mean, plain.low, plain.high))
    assert found.i2 == pytest.approx(1 - 0.25 / np.var(effects, ddof=1))


def test_effects_that_agree_are_pooled_by_their_precision():
    """Without variance between datasets weights are inverse squares, and the factor stays at 1."""
    found = pool([1.0, 1.3], [0.5, 1.0], 0.95)
    assert found.mean == pytest.approx((4 * 1.0 + 1 * 1.3) / 5)
    assert found.high - found.mean == pytest.approx(12.7062 / 5**0.5, rel=1e-4)
    assert found.i2 == 0


def test_effects_without_a_spread_do_not_narrow_the_rest():
    """Two datasets where all seeds agree, among others that differ: the interval holds them."""
    effects = [0.12, 0.06, 1.32, 0.0, 0.16, 0.0]
    found = pool(effects, [0.02, 0.02, 0.2, 7e-15, 0.03, 7e-15], 0.95)
    assert found.i2 > 0.9
    assert found.low < 0 < found.mean < found.high
    assert found.high - found.low > 0.1


def test_pooled_intervals_cover_the_mean():
    """95% of 1000 intervals from five datasets of unequal precision hold the mean of effects."""
    rng = np.random.default_rng(0)
    errors = np.array([0.2, 0.3, 0.5, 0.8, 1.0])
    held = []
    for _ in range(1000):
        effects = rng.normal(3, 0.5, 5) + rng.normal(0, errors)
        found = pool(effects.tolist(), errors.tolist(), 0.95)
        held.append(found.low <= 3 <= found.high)
    assert np.mean(held) > 0.93


@pytest.fixture(scope="module")
def compared():
    """Return the committed comparisons of arms on all datasets."""
    folder = committed.folder() / "results"
    return [results.read(path.parent, figures=False) for path in sorted(folder.glob("*/table.csv"))]


def test_datasets_with_a_tied_decoder_are_named(compared):
    """The datasets of the page's note are those whose protocol says so."""
    first, *others = compared
    untied = dataclasses.replace(first, protocol=first.protocol | {"pretrain": {"tied": False}})
    other = dataclasses.replace(others[0], protocol=first.protocol | {"pretrain": {"tied": True}})
    assert page.tied([untied, other]) == [other.dataset]


def test_arms_are_ranked_where_all_are_present(compared):
    """Four datasets have the six arms; mean ranks add up, and cliques follow from the critical."""
    found = ranks(compared, 0.05)
    assert found.datasets == ["cifar10-jpeg", "digits", "glyphs", "mnist"]
    assert sum(found.mean_ranks) == pytest.approx(6 * 7 / 2)
    assert found.mean_ranks == sorted(found.mean_ranks)
    assert found.critical == pytest.approx(2.850 * (6 * 7 / 24) ** 0.5, rel=1e-3)
    for first, last in found.cliques:
        apart = found.mean_ranks[last] - found.mean_ranks[first]
        assert first < last
        assert apart < found.critical


def test_friedmans_p_is_that_of_permutations():
    """On four datasets, Iman and Davenport's F is near the share of permutations as extreme."""
    rng = np.random.default_rng(0)
    errors_DA = np.arange(6) * 0.4 + rng.normal(size=(4, 6))
    observed, drawn = (
        stats.friedmanchisquare(*table.T).statistic
        for table in (errors_DA, rng.permuted(errors_DA, axis=1))
    )
    null = [
        stats.friedmanchisquare(*rng.permuted(errors_DA, axis=1).T).statistic for _ in range(1000)
    ]
    assert evidence_ranks._p(observed, 4, 6) == pytest.approx(np.mean(null >= observed), abs=0.02)
    assert evidence_ranks._p(drawn, 4, 6) == pytest.approx(np.mean(null >= drawn), abs=0.05)
    assert evidence_ranks._p(4 * 5, 4, 6) == 0


def test_a_failed_arm_takes_its_dataset_out_of_the_ranks(compared):
    """A dataset where an arm has no mean is left out; one dataset has no ranks."""
    digits = next(one for one in compared if one.dataset == "digits")
    failed = [row | {"test_error_mean": None} for row in digits.table[:1]] + digits.table[1:]
    others = [one for one in compared if one is not digits]
    found = ranks([*others, dataclasses.replace(digits, table=failed)], 0.05)
    assert found.datasets == ["cifar10-jpeg", "glyphs", "mnist"]
    assert ranks([digits], 0.05) is None
    assert ranks([], 0.05) is None


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a copy of the committed results and verdicts, with an own dataset among them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.config.params.load", lambda: tables.OURS)
    for name in ("results", "claims"):
        shutil.copytree(committed.folder() / name, name)
        shutil.copytree(Path(name, "digits"), Path(name, "own_&data"))
    protocol = Path("results/own_&data/protocol.json")
    protocol.write_text(protocol.read_text().replace('"digits"', '"own_&data"'))
    return tmp_path


def test_page_has_all_datasets_and_loads_nothing(folder):
    """Own datasets join claims and ranks by themselves; the same content gives the same bytes."""
    evidence.main()
    html = Path("report/evidence.html").read_text()
    assert 'data-name="own_&amp;data"' in html
    assert "cifar10-jpeg, digits, glyphs, mnist, own_&amp;data" in html
    assert "I² " in html
    assert not re.search(r"https?:|//\w|<script|<link|@import|url\(", html)
    evidence.main()
    assert html == Path("report/evidence.html").read_text()


def test_every_table_is_in_latex(folder):
    """Each file is one tabular whose rows have as many cells as columns; specials are escaped."""
    evidence.main()
    files = {path.stem: path.read_text() for path in Path("report/latex").glob("*.tex")}
    named = {"evidence", "ranks", "verdicts", "headlines", "claims-digits", "results-mnist"}
    assert named | {"tests-own_&data"} <= files.keys()
    for text in files.values():
        begin, _, *rows, _, end = text.strip().split("\n")
        columns = re.fullmatch(r"\\begin\{tabular\}\{((?:l|p\{7cm\})+)\}", begin)[1]
        width = len(columns.replace("{7cm}", ""))
        assert end == r"\end{tabular}"
        for row in rows:
            if not row.startswith("\\midrule"):
                assert len(re.findall(r"(?<!\\)&", row)) == width - 1
                assert row.isascii() or not re.search(r"(?<!\\)[%#_]", row)
    assert r"own\_\&data" in files["evidence"]


def test_claims_on_several_datasets_are_pooled_and_counted_ones_are_not():
    """A claim with t intervals on two datasets is pooled; one dataset, or a count, is not."""
    row = {
        "key": "rectifier-as-good-as-tanh", "n": 5.0, "estimate": 0.01, "low": 0.0, "high": 0.02,
    }  # fmt: skip
    other = row | {"estimate": 0.03, "low": 0.02, "high": 0.04}
    found = page.pooled([row, other], 0.95)
    assert found.mean == pytest.approx(0.02)
    assert page.pooled([row], 0.95) is None
    assert page.pooled([row, other | {"low": None}], 0.95) is None


def test_tables_of_markdown_lose_their_markup():
    """Bold, code, tags and links go; text stays."""
    text = "a\n\n| [x](y.md) | b |\n|---|---|\n| **1** | `c` <sub>d</sub> |\n\nend"
    assert latex.of_markdown(text) == [[["x", "b"], ["1", "c d"]]]
