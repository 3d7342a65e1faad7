"""Probes, against brute force and on data with a known answer."""

import math

import numpy as np
import pytest
import torch

from pipeline.claims import verdicts
from pipeline.claims.catalogue import RECORDS
from pipeline.config.params import Activation
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.networks import metrics, population
from pipeline.networks.population import Population
from pipeline.probes import complexity, overlap, patterns, representations, separability, shift

WIDTHS = [12, 10, 8, 3]
FORM = Encoding((12,), ("a", "b", "c"))


def stack(function: str = "rectifier", seeds: int = 2, widths: list[int] = WIDTHS) -> Population:
    unit = Activation(function=function, l1=0.0, half_negated=True, reconstruction="softplus")
    return population.initialize("test", widths, range(seeds), unit)


def examples(count: int, draw: int = 0) -> Examples:
    draws = torch.Generator().manual_seed(draw)
    x_NI = torch.rand(count, 12, generator=draws)
    return Examples(x_NI, torch.arange(count) % 3, FORM)


def identity(width: int) -> Population:
    """Return a network whose hidden layers copy inputs that are not negative."""
    made = stack(seeds=1, widths=[width, width, width, 3])
    tensors = {name: t for name, t in made.tensors.items() if "signs" not in name}
    for layer in (0, 1):
        tensors[f"W.{layer}"] = torch.eye(width).unsqueeze(0)
    return Population(tensors, "rectifier")


def test_codes_of_all_chunks_are_those_of_all_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Representations computed in chunks equal those computed at once."""
    network, split = stack(seeds=1), examples(25)
    whole = representations.of(network, split.inputs(slice(None)))
    monkeypatch.setattr(representations, "CHUNK_ROWS", 7)
    for ours, theirs in zip(representations.every(network, split), whole, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_overlap_equals_brute_force() -> None:
    """The overlap equals intersection over union of Python sets."""
    draws = torch.Generator().manual_seed(0)
    first, second = (torch.rand(20, 9, generator=draws) > 0.6 for _ in range(2))
    first[3] = second[3] = False
    for n, found in enumerate(overlap.overlap(first, second).tolist()):
        a, b = ({i for i in range(9) if each[n, i]} for each in (first, second))
        assert found == pytest.approx(len(a & b) / len(a | b) if a | b else 1.0)


def test_overlap_falls_with_noise() -> None:
    """More noise gives less overlap; all kinds of change have rows; rows repeat."""
    rows = overlap.rows("test", stack(seeds=1), examples(60))
    first = [row["overlap"] for row in rows if row["layer"] == 1 and row["change"] == "noise"]
    assert len(first) == len(overlap.NOISE)
    assert sorted(first, reverse=True) == first
    assert first[0] > 0.95
    assert {row["change"] for row in rows} == {"noise", "same class", "other class"}
    again = overlap.rows("test", stack(seeds=1), examples(60))
    assert rows == again


def test_partners_have_the_class_they_should() -> None:
    """Partners are of the same class, or of another, and never the example itself."""
    y_N = torch.tensor([0, 0, 1, 2, 1, 0])
    partners = overlap._partners(y_N)
    for n in range(6):
        same, other = int(partners["same class"][n]), int(partners["other class"][n])
        assert y_N[other] != y_N[n]
        if int(y_N[n]) != 2:  # the only one of its class has no other
            assert same != n
            assert y_N[same] == y_N[n]


def test_units_without_zeros_are_always_active() -> None:
    """Tanh has an overlap of 1 and a positive relative change."""
    rows = overlap.rows("test", stack("tanh", seeds=1), examples(30))
    assert {row["overlap"] for row in rows} == {1.0}
    assert all(row["relative_change"] > 0 for row in rows)


def test_planted_complexity_is_found() -> None:
    """Inputs with more ones have more active units in a network that copies its input."""
    x_NI = torch.zeros(120, 40)
    for n in range(120):
        x_NI[n, torch.randperm(40, generator=torch.Generator().manual_seed(n))[: n // 3 + 1]] = 1
    split = Examples(x_NI, torch.arange(120) % 3, Encoding((40,), ("a", "b", "c")))
    rows = complexity.rows(identity(40), split)
    ink = [row for row in rows if row["measure"] == "ink"]
    assert [row["correlation"] for row in ink] == [pytest.approx(1.0)] * 2
    for row in ink:
        assert row["active_by_tenth"] == sorted(row["active_by_tenth"])
        assert np.mean(row["active_by_tenth"]) == pytest.approx(float(x_NI.mean()), abs=1e-6)


def test_noise_compresses_less_than_constants() -> None:
    """Random inputs compress to more bytes than constant ones."""
    draws = torch.Generator().manual_seed(0)
    x_NI = torch.stack([torch.zeros(200), torch.rand(200, generator=draws)])
    plain, noisy = complexity.compressed(x_NI)
    assert noisy > 5 * plain


def test_a_layer_that_repeats_the_input_is_as_separable() -> None:
    """A layer that copies the input has the probe error of the input."""
    rng = np.random.default_rng(0)

    def split(count: int) -> Examples:
        y_N = np.arange(count) % 3
        x_NI = rng.uniform(0, 1, (count, 12)) + 0.7 * np.eye(12)[y_N]
        return Examples(torch.from_numpy(x_NI).float(), torch.from_numpy(y_N), FORM)

    rows = separability.rows(identity(12), split(150), split(60), split(90))
    assert [row["layer"] for row in rows] == [0, 1, 2]
    assert len({row["test_error"] for row in rows}) == 1
    assert 0 < rows[0]["test_error"] < 0.5


def test_distinct_patterns_are_counted() -> None:
    """Four patterns that occur twice in eight examples are a share of one half."""
    bits = torch.tensor([[n >> i & 1 for i in range(2)] for n in range(4)]).repeat(2, 6).float()
    split = Examples(bits, torch.arange(8) % 3, FORM)
    rows = patterns.rows(identity(12), split)
    assert [row["distinct"] for row in rows] == [0.5, 0.5]
    assert [row["active"] for row in rows] == [0.5, 0.5]


def test_information_matches_scikit_learn_and_planted_truths() -> None:
    """The plug-in part equals scikit-learn's; a copy of the class has 1 bit, noise has 0."""
    from sklearn.metrics import mutual_info_score

    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 4000)
    active = np.stack([y == 1, rng.integers(0, 2, 4000) == 1, rng.random(4000) < 0.3 + 0.3 * y], 1)
    found = patterns.information(torch.from_numpy(active), torch.from_numpy(y)).tolist()
    for unit, bits in enumerate(found):
        plain = mutual_info_score(active[:, unit], y) / math.log(2)
        used = len({*zip(active[:, unit], y, strict=True)}) - 2 - 2 + 1
        assert bits == pytest.approx(max(0.0, plain - used / (2 * 4000 * math.log(2))), abs=1e-9)
    assert found[0] == pytest.approx(1.0, abs=0.01)
    assert found[1] == pytest.approx(0.0, abs=0.001)


def test_shift_is_the_length_of_the_mean_over_that_of_an_output() -> None:
    """The shift equals a NumPy computation; negated units do not change it; dead layers have 0."""
    split, network = examples(30), stack(seeds=2)
    rows = shift.rows(network, split)
    assert [(row["seed"], row["layer"]) for row in rows] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    errors = metrics.evaluate(network, split).errors_K.tolist()
    for row in rows:
        h_NO = (
            representations.every(network.only(row["seed"]), split)[row["layer"] - 1]
            .double()
            .numpy()
        )
        length = np.linalg.norm(h_NO.mean(0)) / np.sqrt((h_NO**2).sum(1).mean())
        assert row["shift"] == pytest.approx(length)
        assert 0 < row["shift"] < 1
        assert row["test_error"] == errors[row["seed"]]
    h_NO = torch.rand(20, 6, generator=torch.Generator().manual_seed(0))
    signs_O = torch.tensor([1.0, -1.0] * 3)
    assert shift.shift(h_NO * signs_O) == pytest.approx(shift.shift(h_NO))
    assert shift.shift(h_NO[:1].expand(20, -1)) == pytest.approx(1)
    assert shift.shift(torch.cat([h_NO, -h_NO])) == pytest.approx(0, abs=1e-7)
    assert shift.shift(torch.zeros(20, 6)) == 0


@pytest.mark.parametrize(("sign", "verdict"), [(1, "supported"), (-1, "contradicted")])
def test_errors_that_go_with_the_shift_are_found(sign: int, verdict: str) -> None:
    """Errors that rise with the shift over six arms support claim 35; a lost seed undecides it."""
    rng = np.random.default_rng(0)
    arms = [(a, i) for a in ("rectifier", "tanh", "softplus") for i in ("random", "pretrained")]
    rows = [
        {"activation": a, "initialization": i, "seed": float(seed), "layer": layer,
         "shift": 0.1 * place + 0.01 * rng.normal(), "test_error": 0.1 + sign * 0.01 * place}
        for place, (a, i) in enumerate(arms) for seed in range(10) for layer in (1.0, 2.0)
    ]  # fmt: skip
    options = {"confidence": 0.95, "significance": 0.05}

    def judged(rows: list[dict[str, object]]) -> dict[str, object]:
        found = verdicts.judge("digits", {"shift": RECORDS["shift"].groups(rows)}, **options)
        return next(row for row in found if row["number"] == "35")

    for seed, row in enumerate(rows):
        row["test_error"] += 0.004 * rng.normal() * (seed % 2)
    assert judged(rows)["verdict"] == verdict
    lost = [row for row in rows if (row["activation"], row["seed"]) != ("tanh", 3.0)]
    assert judged(lost)["reason"] == "Seed 3 of all arms has no network."
