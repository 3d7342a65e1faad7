"""Published numbers of the paper."""

import pytest

from pipeline.paper import published


def test_table_1_is_whole():
    """Four datasets x three activations x two initializations, each with its cell."""
    assert len(published.TABLE_1) == 24
    assert len({number.cell for number in published.TABLE_1.values()}) == 24


@pytest.mark.parametrize(
    ("arm", "percent", "mark"),
    [
        (("mnist", "rectifier", "pretrained"), 1.20, "C"),
        (("mnist", "softplus", "random"), 1.77, "C"),
        (("cifar10", "tanh", "pretrained"), 50.79, "M"),
        (("nistp", "rectifier", "random"), 32.64, "C"),
        (("norb", "softplus", "pretrained"), 19.19, "M"),
    ],
)
def test_cells_have_their_published_values(arm, percent, mark):
    """Cells of each column are fractions with their marks."""
    number = published.TABLE_1[arm]
    assert (number.value, number.mark) == (pytest.approx(percent / 100, abs=1e-9), mark)
    assert published.test_error(*arm) == number.value


def test_random_rows_have_a_second_source():
    """All cells without pre-training have the mark C."""
    assert {n.mark for arm, n in published.TABLE_1.items() if arm[2] == "random"} == {"C"}


def test_arms_outside_the_paper_have_no_error():
    """Digits is not in the paper, nor is a harder softplus in Table 1."""
    assert published.test_error("digits", "rectifier", "random") is None
    assert published.test_error("norb", "hard-softplus", "random") is None


def test_zeros_are_shares():
    """Zeros are kept as fractions under the dataset's name."""
    zeros = {dataset: number.value for dataset, number in published.ZEROS.items()}
    assert zeros == pytest.approx({"mnist": 0.834, "cifar10": 0.72, "nistp": 0.68, "norb": 0.738})
