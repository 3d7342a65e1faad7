"""Generated blocks of the Markdown files: the committed ones hold the committed results."""

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.analysis import results
from pipeline.analysis.criterion import UNKNOWN
from pipeline.report.markdown import readme, speed
from pipeline.report.markdown.blocks import BLOCK, refresh
from pipeline.report.text import wording
from stages import readme as stage
from stages import table_hashes
from stages.__main__ import app
from tests import committed
from tests.imports import ROOT

LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


CODE_PATH = re.compile(r"(?<![\w/.-])((?:pipeline|stages|benchmarks|tests)/[\w/.-]*\w)")
EXAMPLES = set(re.findall(r"\*\*, in `([^`]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
COMMAND = re.compile(r"python -m stages[ .]([a-z][a-z-]*)")
TARGET = re.compile(r"(?:`|^ {4})make ([a-z]+)", re.MULTILINE)


def documents() -> list[Path]:
    """Return all Markdown files of the repository that users read, in the working tree."""
    return [path for pattern in (*stage.PATTERNS, "CONTRIBUTING.md") for path in ROOT.glob(pattern)]


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def names(path: Path) -> list[str]:
    return [match["name"] for match in BLOCK.finditer(path.read_text("utf-8"))]


def test_generated_blocks_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make readme` on the committed results changes no committed file, and no block is unknown.

    The index counts as committed: after `make readme`, add the changed files.
    """
    monkeypatch.chdir(committed.folder())
    content = stage.blocks()
    files = stage.files()
    outdated = [
        str(path)
        for path in files
        if refresh(path.read_text("utf-8"), content) != path.read_text("utf-8")
    ]
    assert outdated == []
    assert {name for path in files for name in names(path)} <= set(content)


def test_readme_fits_two_screens_and_has_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 150 lines, with the table of MNIST, the main claims and the speed."""
    monkeypatch.chdir(committed.folder())
    assert len(Path("README.md").read_text("utf-8").splitlines()) <= 150
    assert names(Path("README.md")) == ["results mnist", "headlines", "speed in short"]


def test_the_order_of_the_arms_is_told_pair_by_pair() -> None:
    """A pair is the paper's lower error first; only a significant difference has an order."""
    arms = {"rectifier": 0.02, "tanh": 0.04, "softplus": None}
    table = [
        {"activation": name, "initialization": "random", "paper_test_error": error}
        for name, error in arms.items()
    ]
    ends = {"difference_mean": 0.01, "low": -0.005, "high": 0.025, "p": 0.2}
    pairs = [("tanh", "rectifier", True), ("tanh", "softplus", True), ("rectifier", "tanh", False)]
    tests = [
        {"first": f"{a}-random", "second": f"{b}-random", "significant": sure} | ends
        for a, b, sure in pairs
    ]
    protocol = {"seeds": 3, "confidence": 0.95, "significance": 0.05}
    found = results.Results(table, [], tests, {}, protocol, {}, ())
    rows = [line.split(" | ") for line in readme.order(found).splitlines()[2:4]]
    names, minus = ["| random rectifier", "random tanh"], wording.MINUS
    here = f"{minus}1.00 ({minus}2.50 to 0.50)"
    assert rows[0] == [*names, f"{minus}2.00", here, "same |"]
    here = f"1.00 ({minus}0.50 to 2.50)"
    assert rows[1] == [*names, f"{minus}2.00", here, "undecided, means: other |"]
    assert "random softplus" not in readme.order(found)


def test_every_main_claim_is_judged_on_some_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the README's claims exist, and each has a verdict on digits or MNIST."""
    monkeypatch.chdir(committed.folder())
    rows = stage.blocks()["headlines"].splitlines()[2:]
    assert len(rows) == len(readme.HEADLINES)
    assert all("**" in row for row in rows)


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_paths_and_commands_exist(path: Path) -> None:
    """Each relative link has its file, each path of code too, each command and target its name."""
    text = path.read_text("utf-8")
    links = {target for target in LINK.findall(text) if not (path.parent / target).exists()}
    paths = {name for name in CODE_PATH.findall(text) if not (ROOT / name).exists()}
    known = {command.name for command in app.registered_commands}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert links | (paths - EXAMPLES) == set()
    assert set(COMMAND.findall(text)) <= known
    assert set(TARGET.findall(text)) <= targets


def test_columns_that_are_empty_in_every_row_are_left_out() -> None:
    """A claim that no dataset has the paper's number for leaves no column of dashes."""
    row = {
        "key": "",
        "number": "1",
        "claim": "c",
        "source": "",
        "unit": "%",
        "paper": None,
        "rule": "",
    }
    row |= {"estimate": 0.5, "low": None, "high": None, "verdict": "supported", "reason": ""}
    judged = [row | {"key": key} for key in readme.HEADLINES]
    text = readme.headlines(
        {"digits": judged, "mnist": [row | {"estimate": None} for row in judged]}
    )
    assert text.splitlines()[0] == "| claim | digits |"
    assert UNKNOWN not in text
    assert readme.counts({"digits": judged}).splitlines()[2] == "| `digits` | 6 | 0 | 0 | 0 |"


def test_the_speed_in_short_is_the_engines() -> None:
    """The first contender at the most networks, whatever the order of the rows."""
    rows = [
        {"size": "mnist", "networks": K, "contender": name, "ms_per_net_step": ms}
        | {"times_the_speed_of_eager": 1 / ms}
        for K, ms in ((4, 0.5), (40, 0.25))
        for name, ms in (("engine", ms), ("eager", 1.0))
    ]
    machine = {"device": "cpu", "cores": 2, "processor": "abacus"}
    text = speed.in_short({"net_steps": rows, "machine": machine})
    assert "On 2 cores (abacus), with K = 40" in text
    assert "0.250 ms" in text
    assert "4.0 times" in text


def test_local_results_are_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    """`make readme` says so when a table below results/ is not the committed one."""
    monkeypatch.chdir(tmp_path)
    for name in ("results/digits/table.csv", "results/digits/README.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("committed", "utf-8")
    monkeypatch.setattr(stage, "blocks", dict)
    git("init", "--quiet")
    git("add", "results")
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message", "all")
    Path("results/digits/README.md").write_text("changed", "utf-8")
    stage.main()
    assert capsys.readouterr().out == ""
    Path("results/digits/table.csv").write_text("local", "utf-8")
    table_hashes.record(0)  # as the stage that writes it does
    stage.main()
    assert "results/digits/table.csv" in capsys.readouterr().out
