"""params.yaml: a wrong key or value is named by its full path."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import params
from pipeline.runtime.errors import Problem
from tests import committed
from tests.imports import ROOT

TEXT = committed.params().read_text("utf-8")


def load(tmp_path: Path, text: str) -> params.Params:
    path = tmp_path / "params.yaml"
    path.write_text(text, "utf-8")
    return params.load(path)


FAULTS = {
    "unknown key": ("  seeds: 10", "  seed: 10", "run.seed"),
    "missing key": ("  tied: false", "", "pretrain.tied is missing"),
    "wrong type": ("  seeds: 10", "  seeds: ten", "run.seeds = 'ten'"),
    "a number as text": ("  corruption: 0.25", "  corruption: '0.25'", "pretrain.corruption"),
    "impossible value": ("  corruption: 0.25", "  corruption: 1.5", "pretrain.corruption = 1.5"),
    "negative rate": ("[0.1, 0.01, 0.001, 0.0001]", "[-0.1]", "pretrain.learning_rates[0]"),
    "empty grid": ("[0.1, 0.01, 0.001, 0.0001]", "[]", "pretrain.learning_rates"),
    "no seeds": ("  seeds: 10", "  seeds: 0", "run.seeds = 0"),
    "negative l1": ("tanh, l1: 0.001", "tanh, l1: -1.0", "activations.tanh.l1"),
    "hardness of zero": ("hardness: 3.0", "hardness: 0.0", "activations.hard-softplus.hardness"),
    "unknown dataset": ("datasets: [digits]", "datasets: [digit]", "params.yaml has digits, mnist"),
    "unknown activation": (
        "[rectifier, tanh, softplus]",
        "[relu]",
        "has rectifier, tanh, softplus",
    ),
    "unknown initialization": ("[random, pretrained]", "[warm]", "run.initializations[0] = 'warm'"),
    "override": (
        "{epochs: 15}",
        "{epoch: 15}",
        "datasets.digits.pretrain.epoch is not a known key",
    ),
    "listed twice": ("datasets: [digits]", "datasets: [digits, digits]", "lists digits twice"),
    "not YAML": ("run:", "run: [", "not valid YAML"),
}


@pytest.mark.parametrize(("old", "new", "said"), FAULTS.values(), ids=FAULTS)
def test_faults_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The error is one line with the path of the key."""
    assert old in TEXT
    with pytest.raises(Problem) as caught:
        load(tmp_path, TEXT.replace(old, new, 1))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    """The error for a missing params.yaml names the repository's root."""
    with pytest.raises(Problem, match="root"):
        params.load(tmp_path / "params.yaml")


def test_datasets_override_the_defaults(tmp_path: Path) -> None:
    """A dataset's block overrides its own keys and no others."""
    loaded = load(tmp_path, TEXT)
    assert loaded.pretrain_for("digits").epochs == 15
    assert loaded.pretrain_for("mnist").epochs == loaded.pretrain.epochs == 30
    assert loaded.pretrain_for("digits").corruption == 0.25


def test_exponents_are_numbers(tmp_path: Path) -> None:
    """1e-3 is a number, as it is for DVC (YAML 1.2)."""
    loaded = load(tmp_path, TEXT.replace("0.0001]", "1e-4]"))
    assert loaded.pretrain.learning_rates[-1] == 0.0001


def bomb(line: str) -> str:
    """Return YAML whose eleven levels of nine aliases each expand to 31 billion values."""
    return "b0: &b0 {a: 1}\n" + "".join(
        f"b{n}: &b{n} {line.format(', '.join([f'*b{n - 1}'] * 9))}\n" for n in range(1, 12)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT + bomb("[{}]"), "its aliases expand to more than 100,000 values"),
        (TEXT + bomb("{{<<: [{}]}}"), "its aliases expand to more than 100,000 values"),
        (TEXT + "x: &x [*x]\n", "an alias refers to the value that contains it"),
        (TEXT + "[" * 20_000, "is not valid YAML"),
        (TEXT + "#" * (1 << 20), "has more than 262,144 bytes"),
        (TEXT.replace("  seeds: 10", "  seeds: " + "9" * 5000, 1), "Exceeds the limit"),
        (TEXT.replace("  seeds: 10", "  seeds: 0x" + "f" * 5000, 1), "seeds = a very large number"),
        (TEXT.replace("  seeds: 10", "  seeds: " + "9" * 4000, 1), "less than or equal to"),
        (TEXT.replace("  seeds: 10", "  seeds: 2001-99-99", 1), "month must be in 1..12"),
        (TEXT + '"a\\e[31m": 1\n', r"a\x1b[31m is not a known key"),
    ],
    ids=["aliases", "merges", "cycle", "deep", "long", "digits", "hex", "large", "date", "escape"],
)
def test_hostile_files_are_refused_at_once(tmp_path: Path, text: str, says: str) -> None:
    """A file that would expand, recurse or control the terminal is one short printable line."""
    with pytest.raises(Problem) as caught:
        load(tmp_path, text)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1100


NAMES = [
    "my.data",
    "my data",
    "data #1",
    "$(touch x)",
    "a'b",
    "a@b",
    "-x",
    ".x",
    "../x",
    "/x",
    "a\nb",
    "",
    "数" * 34,  # 102 bytes; a file name has at most 255
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_blocks_are_checked(tmp_path: Path, name: str) -> None:
    """A name that DVC, a shell or a path would take apart is refused, whether it is run or not."""
    for old, key in (("  digits:\n", "datasets"), ("  elu:", "activations")):
        text = TEXT.replace(old, old.replace(old.strip(" :\n"), json.dumps(name)), 1)
        assert text != TEXT
        run = text.replace("datasets: [digits]", "datasets: [mnist]")
        with pytest.raises(Problem, match=r"names have letters, digits, '_' and '-'") as caught:
            load(tmp_path, run)
        assert f"params.yaml: {key}." in str(caught.value)


def test_file_is_utf8_in_any_locale(tmp_path: Path) -> None:
    """Names are UTF-8, also where Python's default is ASCII; a byte order mark is skipped."""
    text = TEXT.replace("  digits:\n", "  Köln:\n", 1).replace("[digits]", "[Köln]", 1)
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    code = "from pipeline.config import params; print(ascii(params.load().run.datasets))"
    ascii_locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    environment = {**os.environ, **ascii_locale, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert done.stdout.decode().strip() == r"['K\xf6ln']"
