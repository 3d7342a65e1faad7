"""The decoder's step by one kernel, against its passes one by one."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pipeline.config.params import Activation
from pipeline.data.splits.sparse_batch import SparseBatch
from pipeline.networks import population
from pipeline.networks.kernels import dispatch
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder, reconstruction_sampling
from pipeline.pretraining.autoencoder import Autoencoder
from tests.test_sparse_training import presence

K = 2
UNITS = (("rectifier", "softplus"), ("tanh", "linear"), ("softplus", "scaled"))
INPUTS = (1, 63, 64, 130)  # fewer than a tile of rows, a tile, and two with a rest
Run = Callable[[Autoencoder], Tensor]  # takes steps in place, returns costs


def auto(function: str, reconstruction: str, inputs: int, *, tied: bool = False) -> Autoencoder:
    unit = Activation(
        function=function, l1=0.01, half_negated=True, reconstruction=reconstruction  # type: ignore[arg-type]
    )  # fmt: skip
    start = population.initialize("test", [inputs, 21, 3], range(K), unit)
    decoder_KIO = None if tied else start.W_KIO(0).flip(2)
    return autoencoder.autoencoder(
        start, 0, reconstruction=reconstruction, bounds=(0, 1), decoder_KIO=decoder_KIO
    )


def both(monkeypatch: pytest.MonkeyPatch, made: Callable[[], Autoencoder], steps: Run) -> None:
    """Check that steps with the kernel and without give the same weights and costs."""
    fused, separate = made(), made()
    cost = steps(fused)
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "decoder_step_", lambda *_, **__: None)
        separate_cost = steps(separate)
    torch.testing.assert_close(cost, separate_cost, rtol=1e-6, atol=0)
    for name, tensor in fused.tensors.items():
        torch.testing.assert_close(tensor, separate.tensors[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize(("function", "reconstruction"), UNITS)
@pytest.mark.parametrize("l1", [0.0, 0.01])
@pytest.mark.parametrize("tied", [True, False])
def test_one_kernel_computes_the_passes_of_a_step(
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    reconstruction: str,
    inputs: int,
    l1: float,
    tied: bool,
) -> None:
    """Weights and costs of two steps on all inputs, tied or not, with and without a penalty."""
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(2, K, 10, inputs, generator=draws)
    step = Step.of(torch.tensor([0.1, 0.05]), torch.full((K,), l1), 10)

    def steps(one: Autoencoder) -> Tensor:
        costs = [autoencoder.denoising_step_(one, x[n], x[n] * (x[n] > 0.3), step) for n in (0, 1)]
        return torch.stack(costs)

    both(monkeypatch, lambda: auto(function, reconstruction, inputs, tied=tied), steps)


@pytest.mark.parametrize("size", [16, 65])
@pytest.mark.parametrize(("function", "reconstruction"), UNITS)
def test_one_kernel_takes_the_step_on_a_sample(
    monkeypatch: pytest.MonkeyPatch, function: str, reconstruction: str, size: int
) -> None:
    """Sampled rows of the decoder move as in the passes; the others stay as they are."""
    draws = torch.Generator().manual_seed(0)
    x = SparseBatch(presence(torch.rand(K * 10, 130, generator=draws) < 0.05), K)
    seeds = [torch.Generator().manual_seed(n) for n in range(K)]
    sample = reconstruction_sampling.draw(x, x, size, seeds)
    step = Step.of(torch.tensor([0.1, 0.05]), torch.full((K,), 0.01), 10)
    both(
        monkeypatch,
        lambda: auto(function, reconstruction, 130),
        lambda one: autoencoder.denoising_step_(one, x, x, step, sample),
    )
    moved, before = (auto(function, reconstruction, 130) for _ in range(2))
    autoencoder.denoising_step_(moved, x, x, step, sample)
    changed_KI = (moved.tensors["V"] != before.tensors["V"]).any(2)
    expected_KI = torch.zeros_like(changed_KI).scatter_(1, sample.places_SM, True)
    assert torch.equal(changed_KI, expected_KI)


def test_large_mini_batches_take_the_passes() -> None:
    """The kernel refuses more rows than its sums fit, and changes nothing."""
    one = auto("rectifier", "softplus", 20)
    before = {name: tensor.clone() for name, tensor in one.tensors.items()}
    x = torch.rand(K, 17, 20)
    step = Step.of(torch.full((K,), 0.1), torch.zeros(K), 17)
    h_KBO = autoencoder.encode(one, x)
    activation = autoencoder.ActivationBackward(one.units, None, None, step).gradient
    assert (
        dispatch.decoder_step_(
            h_KBO, one.decoder_rows_KIO, one.tensors["c"], x, step.rate_K11, activation,
            reconstruction="softplus",
        )
        is None
    )  # fmt: skip
    assert all(torch.equal(before[name], tensor) for name, tensor in one.tensors.items())
