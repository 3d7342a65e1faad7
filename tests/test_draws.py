"""Counter-based random numbers."""

import pytest
import torch
from torch import Tensor

from pipeline.data.splits.distortions.draws import Draws

IMAGES = torch.arange(4000)
DRAWS = Draws(7, IMAGES)


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_uniform_numbers_are_uniform() -> None:
    """Mean 1/2, variance 1/12, as many in each of 16 bins, never 1."""
    u = DRAWS.uniform("u", 50)
    assert u.shape == (4000, 50)
    assert u.dtype == torch.float32
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.003
    assert abs(u.var() - 1 / 12) < 0.001
    counts = torch.histc(u, 16, 0, 1)
    assert ((counts - 12500).square() / 12500).sum() < 45  # chi-square of 15 degrees, p = 1e-4


def test_normal_numbers_are_normal() -> None:
    """The first four moments are 0, 1, 0, 3, and one in 44 is above 2."""
    z = DRAWS.normal("z", 50)
    moments = [float(z.double().pow(k).mean()) for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.06)
    assert abs((z > 2).float().mean() - 0.02275) < 0.002


def test_integers_cover_their_range_evenly() -> None:
    """Every integer below the bound is as likely, the bound itself never comes."""
    n = DRAWS.integers("n", 7, 50)
    shares = torch.bincount(n.flatten(), minlength=7) / n.numel()
    assert n.dtype == torch.int64
    assert len(shares) == 7
    assert (shares - 1 / 7).abs().max() < 0.004


def test_numbers_of_neighbors_are_unrelated() -> None:
    """Neither the next image, nor the next position, name or key tells anything of a number."""
    u = DRAWS.uniform("u", 20)
    others = [DRAWS.uniform("v", 20), Draws(8, IMAGES).uniform("u", 20)]
    pairs = [(u[1:], u[:-1]), (u[:, 1:], u[:, :-1]), *((u, other) for other in others)]
    pairs.append((u[1:, 1:], u[:-1, :-1]))
    assert max(abs(correlation(a, b)) for a, b in pairs) < 0.015


def test_a_number_depends_on_its_image_alone() -> None:
    """The same image draws the same, in any batch, order and subset."""
    rows = torch.tensor([17, 3, 3999])
    for whole, alone in [
        (DRAWS.uniform("u", 3), Draws(7, rows).uniform("u", 3)),
        (DRAWS.normal("z", 2, 2), DRAWS.only(rows).normal("z", 2, 2)),
        (DRAWS.integers("n", 9), Draws(7, rows).integers("n", 9)),
    ]:
        assert torch.equal(whole[rows], alone)


def test_numbers_are_those_of_before() -> None:
    """The hash is part of the results: it must not change unnoticed."""
    draws = Draws(1, torch.tensor([0, 1, 10**12]))
    assert draws.integers("golden", 1000).tolist() == [727, 572, 267]
    assert draws.only(torch.tensor([2])).integers("golden", 1000, 3).tolist() == [[267, 524, 852]]
