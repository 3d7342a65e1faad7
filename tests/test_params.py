"""params.yaml: a wrong key or value is named by its full path."""

from pathlib import Path

import pytest

from pipeline.config import params
from pipeline.runtime.errors import Problem
from tests import committed

TEXT = committed.params().read_text()


def load(tmp_path: Path, text: str) -> params.Params:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return params.load(path)


FAULTS = {
    "unknown key": ("  seeds: 10", "  seed: 10", "run.seed"),
    "missing key": ("  tied: true", "", "pretrain.tied is missing"),
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
