"""Training on sparse batches agrees with training on the same inputs stored densely."""

from dataclasses import replace

import pytest
import torch

from pipeline.config.params import Activation
from pipeline.data.splits.sparse_batch import SparseBatch, SparseRows, joined, of_networks
from pipeline.finetuning import backprop
from pipeline.networks import linear, population
from pipeline.networks.population import Population
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder, reconstruction_sampling
from pipeline.pretraining.denoising import Noise

K, B, I, WIDTHS = 3, 10, 60, [60, 14, 9, 4]  # noqa: E741
UNIT = Activation(
    function="rectifier", l1=0.01, half_negated=True, reconstruction="scaled", layers=None
)
STEP = Step.of(torch.tensor([0.1, 0.03, 0.2]), torch.tensor([0.01, 0.0, 0.02]), B)


def bits(rows: int, share: float = 0.1, seed: int = 0) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    found = (torch.rand(rows, I, generator=draws) < share).float()
    found[3] = 0  # a text without a known term
    return found


def presence(x_NI: torch.Tensor) -> SparseRows:
    ends_N = x_NI.sum(1).long().cumsum(0)
    starts_M = torch.cat([torch.zeros(1, dtype=torch.int64), ends_N])
    return SparseRows(starts_M, x_NI.nonzero()[:, 1].int(), x_NI.shape[1])


def terms(seed: int = 0, share: float = 0.1) -> SparseBatch:
    return SparseBatch(presence(bits(K * B, share, seed)), K)


def starts() -> Population:
    return population.initialize("test", WIDTHS, range(K), UNIT)


def float64(networks: Population) -> Population:
    return Population(
        {name: tensor.double() for name, tensor in networks.tensors.items()}, networks.function
    )


def test_sparse_batches_agree_with_dense_inputs() -> None:
    """Rows of all seeds, of each seed, and of networks that share seeds."""
    x = terms()
    assert x.shape == (K, B, I)
    assert torch.equal(x.dense(), bits(K * B).view(K, B, I))
    source_K = torch.tensor([2, 0, 0, 1])
    again = of_networks(x, source_K)
    assert isinstance(again, SparseBatch)
    assert torch.equal(again.dense(), x.dense()[source_K])
    parts = [SparseBatch(rows, 1) for rows in x.by_seed()]
    whole = joined(parts)
    assert isinstance(whole, SparseBatch)
    assert torch.equal(whole.dense(), x.dense())
    assert whole.rows_QI.fault() is None


def test_the_first_layer_is_that_of_dense_inputs() -> None:
    """Forward and update, to 1e-6 relative; rows of absent terms are not touched at all."""
    networks, x = starts(), terms()
    W, b = networks.W_KIO(0), networks.b_K1O(0)
    dense = torch.baddbmm(b, x.dense(), W)
    torch.testing.assert_close(linear.forward(x, W, b), dense, rtol=1e-6, atol=1e-6)
    delta = torch.randn(K, B, 14, generator=torch.Generator().manual_seed(1))
    wanted_W, wanted_b = torch.baddbmm(W, x.dense().mT, delta), b + delta.sum(1, keepdim=True)
    before = W.clone()
    assert linear.backward_and_update_(x, W, b, delta, below=False) is None
    torch.testing.assert_close(W, wanted_W, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(b, wanted_b, rtol=1e-6, atol=1e-6)
    absent = x.dense().sum(1) == 0
    assert absent.any()
    assert torch.equal(W[absent], before[absent])


def test_supervised_steps_agree_with_dense_inputs() -> None:
    """20 supervised steps agree to 1e-6 of the weights' size; gradient norms too."""
    one, other = starts(), starts()
    for t in range(20):
        x, y = terms(t), torch.randint(4, (K, B), generator=torch.Generator().manual_seed(t))
        norms = [
            backprop.gradient_norms(networks, inputs, y, torch.full((K,), 0.01))
            for networks, inputs in ((one, x), (other, x.dense()))
        ]
        torch.testing.assert_close(*norms, rtol=1e-5, atol=1e-7)
        backprop.supervised_step_(one, x, y, STEP)
        backprop.supervised_step_(other, x.dense(), y, STEP)
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(tensor, other.tensors[name], rtol=1e-6, atol=1e-6)


def auto_of(networks: Population, *, tied: bool = True) -> autoencoder.Autoencoder:
    draws = torch.Generator().manual_seed(5)
    decoder_KIO = torch.randn(networks.W_KIO(0).shape, generator=draws).to(networks.W_KIO(0)) / 5
    return autoencoder.autoencoder(
        networks,
        0,
        reconstruction="scaled",
        bounds=(0, 1),
        decoder_KIO=None if tied else decoder_KIO,
    )


@pytest.mark.parametrize("tied", [True, False])
def test_denoising_agrees_with_dense_inputs(tied: bool) -> None:
    """Denoising steps with the same noise agree, for tied and untied weights."""
    one, other = (auto_of(starts(), tied=tied) for _ in range(2))
    for t in range(10):
        x, noisy = terms(t), terms(100 + t, 0.2)
        cost = autoencoder.denoising_step_(one, x, noisy, STEP)
        wanted = autoencoder.denoising_step_(other, x.dense(), noisy.dense(), STEP)
        torch.testing.assert_close(cost, wanted, rtol=1e-5, atol=1e-5)
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(tensor, other.tensors[name], rtol=1e-6, atol=1e-6)


def moved(
    sample: reconstruction_sampling.Sample | None,
    x: SparseBatch,
    noisy: SparseBatch,
    *,
    tied: bool = True,
) -> tuple[torch.Tensor, ...]:
    """Return the updates of the weights and of both biases, and the cost, in float64."""
    auto = auto_of(float64(starts()), tied=tied)
    step = Step.of(torch.full((K,), 0.1).double(), torch.full((K,), 0.01).double(), B)
    before = {name: auto.tensors[name].clone() for name in "WbcV" if name in auto.tensors}
    x, noisy = x.dense().double(), noisy.dense().double()
    cost_K = autoencoder.denoising_step_(auto, x, noisy, step, sample)
    return *(auto.tensors[name] - old for name, old in before.items()), cost_K


def test_sampled_reconstruction_is_unbiased() -> None:
    """Averaged over many samples, updates and cost equal those of the full reconstruction.

    Without importance weights they would not.
    """
    x, noisy = terms(), terms(9, 0.15)
    wanted = moved(None, x, noisy)
    draws = [torch.Generator().manual_seed(k) for k in range(K)]
    n, sums, plain = 1500, [0.0] * 4, [0.0] * 4
    for _ in range(n):
        sample = reconstruction_sampling.draw(x, noisy, 45, draws)
        assert len({*sample.places_SM[0].tolist()}) == 45
        sums = [a + b for a, b in zip(sums, moved(sample, x, noisy), strict=True)]
        flat = replace(sample, weight_SM=torch.ones_like(sample.weight_SM))
        plain = [a + b for a, b in zip(plain, moved(flat, x, noisy), strict=True)]
    off = [float((s / n - w).norm() / w.norm()) for s, w in zip(sums, wanted, strict=True)]
    biased = [float((s / n - w).norm() / w.norm()) for s, w in zip(plain, wanted, strict=True)]
    assert max(off) < 0.02
    assert min(biased) > 0.1


@pytest.mark.parametrize("tied", [True, False])
def test_a_full_sample_is_the_full_reconstruction(tied: bool) -> None:
    """A sample of all inputs has weights 1 and gives the full reconstruction."""
    x, noisy = terms(), terms(9)
    sample = reconstruction_sampling.draw(
        x, noisy, I, [torch.Generator().manual_seed(k) for k in range(K)]
    )
    assert torch.equal(sample.places_SM.sort(1).values, torch.arange(I).expand(K, -1))
    torch.testing.assert_close(sample.weight_SM, torch.ones(K, I))
    steps = (moved(each, x, noisy, tied=tied) for each in (sample, None))
    for one, other in zip(*steps, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_small_samples_leave_room_for_absent_terms() -> None:
    """A small sample keeps a quarter for absent terms, and each part is weighted for all of its
    kind."""
    x = terms(0, 0.15)
    sample = reconstruction_sampling.draw(
        x, x, 12, [torch.Generator().manual_seed(k) for k in range(K)]
    )
    seen_KI = x.dense().any(1)
    assert ((~seen_KI).sum(1) >= 3).all()
    present_KM = seen_KI.gather(1, sample.places_SM)
    assert (present_KM.sum(1) == 9).all()
    for kind_KM, there_KI in ((present_KM, seen_KI), (~present_KM, ~seen_KI)):
        total_K = (sample.weight_SM * kind_KM).sum(1)
        torch.testing.assert_close(total_K, there_KI.sum(1).float())


@pytest.mark.parametrize(("hide", "salt"), [(0.8, 0.005), (0.25, 0.0), (0.0, 0.3), (0.0, 0.0)])
def test_salt_and_pepper_noise_has_its_shares(hide: float, salt: float) -> None:
    """Ones stay with probability 1 - hide, zeros turn on with probability salt, independently."""
    x_NI = bits(3000, 0.1)
    draws = torch.Generator().manual_seed(0)
    noisy = Noise(hide, salt).bits(presence(x_NI), draws)
    assert noisy.fault() is None
    found_NI, ones = noisy.dense().bool(), x_NI.bool()
    for share, among in ((1 - hide, ones), (salt, ~ones)):
        n = int(among.sum())
        spread = (share * (1 - share) / n) ** 0.5
        assert abs(float(found_NI[among].double().mean()) - share) <= 4 * spread
    turned = (found_NI & ~ones).double()
    if salt:  # neighbors are independent: both on as often as the product says
        both = float((turned[:, 1:] * turned[:, :-1]).mean())
        assert both == pytest.approx((salt * 0.9) ** 2, abs=4 * (salt**2 / (3000 * 59)) ** 0.5)


def test_noise_is_a_function_of_its_generator() -> None:
    """Equal generators give equal noise, different ones different noise."""
    rows = presence(bits(50))
    first, again, other = (
        Noise(0.5, 0.05).bits(rows, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first.ones_P, again.ones_P)
    assert not torch.equal(first.dense(), other.dense())
