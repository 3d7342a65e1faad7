"""Compiled steps against steps layer by layer: the same bits, and what they do not support."""

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from pipeline.config.params import Activation
from pipeline.finetuning import backprop
from pipeline.finetuning.supervised_steps import SupervisedSteps
from pipeline.networks import population
from pipeline.networks.activations import functions
from pipeline.networks.arithmetic import team
from pipeline.networks.arithmetic.sequence import KernelSequence
from pipeline.networks.kernels.cpu.layers import UNITS
from pipeline.networks.population import Population
from pipeline.networks.step import Step
from pipeline.pretraining import autoencoder
from pipeline.pretraining.autoencoder import Autoencoder
from pipeline.pretraining.denoising_steps import DenoisingSteps

K, B, STEPS = 3, 10, 4
DEPTHS = [(20, 5), (33, 16, 4), (40, 37, 23, 5)]
COMPILED = [name for name, function in functions.FUNCTIONS.items() if function in UNITS]
STEP = Step.of(torch.tensor([0.1, 0.03, 0.2]), torch.tensor([0.01, 0.0, 0.02]), B)
RECONSTRUCTIONS = [
    ("rectifier", "softplus"),
    ("rectifier", "scaled"),
    ("rectifier", "rectifier"),
    ("softplus", "scaled"),
    ("tanh", "linear"),
    ("tanh", "sigmoid"),
]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of inputs of the compiled steps that were run."""
    made: list[int] = []
    run = KernelSequence.run

    def counted(self: KernelSequence, *inputs: object) -> bool:
        if done := run(self, *inputs):
            made.append(len(inputs))
        return done

    monkeypatch.setattr(KernelSequence, "run", counted)
    return made


def networks(widths: tuple[int, ...], function: str, *, half_negated: bool = False) -> Population:
    pieces = 2 if function in functions.MULTI_PIECE else 1
    unit = Activation(
        function=function,
        l1=0.01,
        half_negated=half_negated,
        reconstruction="softplus",
        pieces=pieces,
    )
    return population.initialize("digits", widths, range(K), unit)


def batch(widths: tuple[int, ...], rows: int = B, networks: int = K) -> tuple[Tensor, Tensor]:
    x = torch.rand(networks, rows, widths[0])
    return x, torch.randint(widths[-1], (networks, rows))


def assert_equal(some: dict[str, Tensor], others: dict[str, Tensor]) -> None:
    for name, tensor in some.items():
        assert torch.equal(tensor, others[name]), name


def assert_supervised_steps_equal(
    widths: tuple[int, ...], function: str, *, half_negated: bool = False
) -> None:
    """Take steps compiled and layer by layer: the same costs and networks."""
    one, other = (networks(widths, function, half_negated=half_negated) for _ in range(2))
    steps = SupervisedSteps(one, STEP)
    for _ in range(STEPS):
        x, y = batch(widths)
        assert torch.equal(steps.take_(x, y), backprop.supervised_step_(other, x, y, STEP))
    assert_equal(one.tensors, other.tensors)


def started(function: str, reconstruction: str, *, tied: bool) -> Autoencoder:
    start = networks(DEPTHS[-1], function)
    inputs = DEPTHS[-1][0]
    return autoencoder.autoencoder(
        start,
        0,
        reconstruction=reconstruction,
        bounds=(-1, 1) if reconstruction == "sigmoid" else (0, 1),
        decoder_KIO=None if tied else start.W_KIO(0).flip(1),
        scale_K1I=torch.full((K, 1, inputs), 0.7) if reconstruction == "scaled" else None,
    )


def assert_denoising_steps_equal(
    function: str, reconstruction: str, rows: Sequence[int], *, tied: bool
) -> None:
    """Take steps compiled and layer by layer, on mini-batches of these sizes: the same results."""
    one, other = (started(function, reconstruction, tied=tied) for _ in range(2))
    steps = DenoisingSteps(one, STEP)
    for count in rows:
        x, _ = batch(DEPTHS[-1], count)
        noisy = x * (torch.rand_like(x) > 0.25)
        expected = autoencoder.denoising_step_(other, x, noisy, STEP)
        assert torch.equal(steps.take_(x, noisy), expected)
    assert_equal(one.tensors, other.tensors)


@pytest.mark.parametrize("half_negated", [False, True])
@pytest.mark.parametrize("widths", DEPTHS)
@pytest.mark.parametrize("function", COMPILED)
def test_supervised_steps_equal_those_by_layer(function, widths, half_negated, runs) -> None:
    """Networks and costs have the same bits, for every number of layers."""
    assert_supervised_steps_equal(widths, function, half_negated=half_negated)
    assert len(runs) == STEPS


@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_a_network_among_others_equals_one_alone(penalty: float, runs) -> None:
    """The memory that the networks use in turn carries nothing from one to the next."""
    widths = DEPTHS[-1]
    rates = torch.tensor([0.1, 0.03, 0.2])
    every = networks(widths, "rectifier", half_negated=True)
    alone = [every.select([k]) for k in range(K)]
    together = SupervisedSteps(every, Step.of(rates, torch.full((K,), penalty), B))
    single = [
        SupervisedSteps(alone[k], Step.of(rates[[k]], torch.full((1,), penalty), B))
        for k in range(K)
    ]
    for _ in range(STEPS):
        x, y = batch(widths)
        costs = together.take_(x, y)
        for k, steps in enumerate(single):
            assert torch.equal(steps.take_(x[[k]], y[[k]])[0], costs[k])
    for k, network in enumerate(alone):
        assert_equal(network.tensors, every.select([k]).tensors)
    assert len(runs) == STEPS * (1 + K)


@pytest.fixture(params=[2, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Number of threads that compute each network together, however small it is."""
    if not team.available():
        pytest.skip("no OpenMP library with GNU's interface")
    monkeypatch.setattr(team, "THREAD_FLOATS", 1)
    team.use(request.param)
    assert team.size(100) == request.param
    yield request.param
    team.use(1)


@pytest.mark.parametrize("widths", [*DEPTHS, (100, 90, 70, 3)])
@pytest.mark.parametrize("function", ["rectifier", "softplus"])
def test_a_team_of_threads_computes_the_same(function, widths, threads, runs) -> None:
    """Networks and costs have the bits of one thread: shares are unequal, and some are empty."""
    assert_supervised_steps_equal(widths, function, half_negated=True)
    assert len(runs) == STEPS


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("function", "reconstruction"), RECONSTRUCTIONS)
def test_a_team_of_threads_denoises_the_same(function, reconstruction, tied, threads, runs) -> None:
    """Auto-encoders and costs have the bits of one thread."""
    assert_denoising_steps_equal(function, reconstruction, [B] * STEPS, tied=tied)
    assert len(runs) == STEPS


@pytest.fixture
def denormals() -> Iterator[None]:
    """Denormal numbers are kept again after the test."""
    yield
    torch.set_flush_denormal(False)


@pytest.mark.usefixtures("denormals")
@pytest.mark.parametrize("flush", [True, False])
def test_a_team_treats_denormal_numbers_as_one_thread(threads: int, flush: bool) -> None:
    """Threads that exist already, of an earlier team, follow the thread that trains."""
    torch.set_flush_denormal(not flush)
    widths = (64, 100, 90)
    x, y = batch(widths)
    SupervisedSteps(networks(widths, "rectifier"), STEP).take_(x, y)
    torch.set_flush_denormal(flush)
    tiny = torch.full_like(x, 1e-37)
    one, other = (networks(widths, "rectifier") for _ in range(2))
    for each in (one, other):
        each.W_KIO(0).mul_(0.01)
        each.b_K1O(0).zero_()
    SupervisedSteps(one, STEP).take_(tiny, y)
    backprop.supervised_step_(other, tiny, y, STEP)
    assert_equal(one.tensors, other.tensors)


@pytest.mark.parametrize("function", [f for f in functions.FUNCTIONS if f not in COMPILED])
def test_other_units_are_trained_layer_by_layer(function: str, runs) -> None:
    """Learned slopes, several pieces and units without a kernel."""
    assert_supervised_steps_equal(DEPTHS[-1], function)
    assert not runs


def test_batches_of_another_shape_are_trained_layer_by_layer(runs) -> None:
    """A smaller mini-batch, a transposed one and large ones, between those of the first shape."""
    widths = DEPTHS[-1]
    one, other = networks(widths, "rectifier"), networks(widths, "rectifier")
    steps = SupervisedSteps(one, STEP)
    x, y = batch(widths)
    batches = [(x, y), batch(widths, 7), (x.mT.contiguous().mT, y), batch(widths, 40), (x, y)]
    for x, y in batches:
        assert torch.equal(steps.take_(x, y), backprop.supervised_step_(other, x, y, STEP))
    assert_equal(one.tensors, other.tensors)
    assert len(runs) == 2


def test_a_first_batch_that_is_not_contiguous_decides_nothing(runs) -> None:
    """Its strides are not those of later mini-batches."""
    widths = DEPTHS[-1]
    one, other = networks(widths, "rectifier"), networks(widths, "rectifier")
    steps = SupervisedSteps(one, STEP)
    x, y = batch(widths)
    for each in (x.mT.contiguous().mT, x):
        assert torch.equal(steps.take_(each, y), backprop.supervised_step_(other, each, y, STEP))
    assert_equal(one.tensors, other.tensors)
    assert len(runs) == 1


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("function", "reconstruction"), RECONSTRUCTIONS)
def test_denoising_steps_equal_those_by_layer(function, reconstruction, tied, runs) -> None:
    """Auto-encoders and costs have the same bits, with either decoder."""
    assert_denoising_steps_equal(function, reconstruction, [B] * STEPS, tied=tied)
    assert len(runs) == STEPS


def test_denoising_of_another_batch_is_trained_layer_by_layer(runs) -> None:
    """A mini-batch of another size than the first one's."""
    assert_denoising_steps_equal("rectifier", "softplus", [B, 7, B], tied=False)
    assert len(runs) == 2
