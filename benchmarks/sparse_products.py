"""Benchmark of sparse against dense products, of one layer of 1,000 units (claims 16 and 32).

The paper holds that sparsity can be exploited and that a rectifier needs no exponentials; critics
object that sparse products are faster only if nearly all values are zero. Times include the search
for the zeros. Dense products are the engine's own; torch's are slower on some processors.

Legend of shape suffixes: B rows of a mini-batch, I inputs of a layer, O its outputs, P outputs of
the layer below that are not 0, of all rows.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import timing
from pipeline.networks import linear
from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.runtime import device

BATCH, WIDTH = 10, 1000
ZEROS = (0.5, 0.7, 0.85, 0.9, 0.95, 0.99)
TOLERANCE = 1e-4  # of the largest value: sums are in another order

Product = Callable[[Tensor, Tensor, Tensor], Tensor]


def _product(x_BI: Tensor, W_IO: Tensor) -> Tensor:
    """Return the engine's product x W, with biases of 0."""
    b_11O = W_IO.new_zeros(1, 1, W_IO.shape[1])
    return linear.forward(x_BI.unsqueeze(0), W_IO.unsqueeze(0), b_11O)[0]


def _dense_forward(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    return _product(h_BI, W_IO)


def _gathered_forward(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    row_P, unit_P = h_BI.nonzero(as_tuple=True)
    counts_B = torch.bincount(row_P, minlength=len(h_BI))
    starts_B = counts_B.cumsum(0) - counts_B
    values_P = h_BI[row_P, unit_P]
    return F.embedding_bag(unit_P, W_IO, starts_B, mode="sum", per_sample_weights=values_P)


def _csr_forward(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support")
        return h_BI.to_sparse_csr() @ W_IO


def _active(gradient_BI: Tensor, h_BI: Tensor) -> Tensor:
    """Set the gradient to 0 at units whose output is 0: the rectifier's derivative."""
    return torch.ops.aten.threshold_backward.grad_input(  # type: ignore[no-any-return]
        gradient_BI, h_BI, 0, grad_input=gradient_BI
    )


def _dense_backward(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    return _active(_product(delta_BO, W_IO.T), h_BI)


def _gathered_backward(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    """Multiply the weights of units that are active in some row of the mini-batch."""
    unit_U = h_BI.any(0).nonzero()[:, 0]
    gradient_BI = torch.zeros_like(h_BI)
    gradient_BI[:, unit_U] = delta_BO @ W_IO[unit_U].T
    return _active(gradient_BI, h_BI)


def _sampled_backward(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    """Multiply, for each row, the weights of its own active units alone."""
    row_P, unit_P = h_BI.nonzero(as_tuple=True)
    gradient_BI = torch.zeros_like(h_BI)
    gradient_BI[row_P, unit_P] = (W_IO[unit_P] * delta_BO[row_P]).sum(1)
    return gradient_BI


def _dense_update(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    b_11O = W_IO.new_zeros(1, 1, W_IO.shape[1])
    h_1BI, W_1IO, delta_1BO = (each.unsqueeze(0) for each in (h_BI, W_IO, delta_BO))
    linear.backward_and_update_(h_1BI, W_1IO, b_11O, delta_1BO, below=False)
    return W_IO


def _gathered_update(h_BI: Tensor, W_IO: Tensor, delta_BO: Tensor) -> Tensor:
    """Update the weights of units that are active in some row of the mini-batch."""
    unit_U = h_BI.any(0).nonzero()[:, 0]
    return W_IO.index_add_(0, unit_U, h_BI[:, unit_U].T @ delta_BO)


PRODUCTS: dict[str, dict[str, Product]] = {
    "forward": {
        "dense": _dense_forward,
        "dense by torch": lambda h_BI, W_IO, _: h_BI @ W_IO,
        "rows gathered": _gathered_forward,
        "torch sparse CSR": _csr_forward,
        "dense again": _dense_forward,
    },
    "backward": {
        "dense": _dense_backward,
        "dense by torch": lambda h_BI, W_IO, delta_BO: _active(delta_BO @ W_IO.T, h_BI),
        "rows gathered": _gathered_backward,
        "each row's own": _sampled_backward,
        "dense again": _dense_backward,
    },
    "update": {
        "dense": _dense_update,
        "dense by torch": lambda h_BI, W_IO, delta_BO: W_IO.addmm_(h_BI.T, delta_BO),
        "rows gathered": _gathered_update,
        "dense again": _dense_update,
    },
}
UNITS = ("rectifier", "tanh", "softplus", "sigmoid")


def operands(zeros: float, where: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return random outputs [B, I] with this share of zeros, weights [I, O], gradients [B, O]."""
    draws = torch.Generator().manual_seed(0)
    h_BI = torch.rand(BATCH, WIDTH, generator=draws) + 0.1
    silent = torch.rand(BATCH, WIDTH, generator=draws).argsort(1) < round(zeros * WIDTH)
    W_IO = torch.randn(WIDTH, WIDTH, generator=draws) / WIDTH**0.5
    delta_BO = torch.randn(BATCH, WIDTH, generator=draws)
    return h_BI.masked_fill(silent, 0).to(where), W_IO.to(where), delta_BO.to(where)


def check(direction: str, zeros: float, where: torch.device) -> None:
    """Compare every product with the dense one. Raises ArithmeticError where one differs."""
    h_BI, W_IO, delta_BO = operands(zeros, where)
    results = {
        name: product(h_BI, W_IO.clone(), delta_BO) for name, product in PRODUCTS[direction].items()
    }
    for name, value in results.items():
        largest = results["dense"].abs().max().clamp(min=1e-12)
        off = float((value - results["dense"]).abs().max() / largest)
        if not off < TOLERANCE:
            raise ArithmeticError(f"{name} ({direction}, {zeros:.0%} zeros) is off by {off:.1e}")


def products(where: torch.device, *, repeats: int, seconds: float) -> list[dict[str, Any]]:
    """Time every product at each share of zeros, in rotating order; one thread on a CPU.

    Returns a row for each direction, share and contender: median and quartiles in ms, and the speed
    relative to the dense product.
    """
    device.prepare_for_training()
    rows = []
    for direction, contenders in PRODUCTS.items():
        for zeros in ZEROS:
            check(direction, zeros, where)
            tensors = operands(zeros, where)
            runs = {name: partial(product, *tensors) for name, product in contenders.items()}
            for name, row in timed(runs, where, repeats, seconds).items():
                rows.append({"direction": direction, "zeros": zeros, "contender": name} | row)
    return rows


def units(where: torch.device, *, repeats: int, seconds: float) -> dict[str, dict[str, float]]:
    """Time each activation function on a block [10, 1000], in ms: the cost of exponentials."""
    device.prepare_for_training()
    z = torch.randn(1, BATCH, WIDTH, generator=torch.Generator().manual_seed(0)).to(where)
    hardness = torch.ones(1, 1, 1, device=where)

    def run_of(name: str) -> Callable[[], Tensor]:
        kind = Units(functions.function(name), hardness)
        return lambda: kind.apply_(z.clone())

    return timed({name: run_of(name) for name in UNITS}, where, repeats, seconds)


def timed(
    runs: Mapping[str, Callable[[], Any]], where: torch.device, repeats: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Time runs in turns; return median and quartiles in ms, and speeds relative to the first."""
    counts = {name: _count(run, where, seconds) for name, run in runs.items()}

    def run_of(name: str) -> float:
        return 1e3 * _seconds(runs[name], where, counts[name]) / counts[name]

    times = timing.rounds({name: partial(run_of, name) for name in runs}, repeats)
    rows = {name: timing.quartiles(ms, "ms") for name, ms in times.items()}
    first = next(iter(rows.values()))["ms"]
    return {name: row | {"times_the_speed": first / row["ms"]} for name, row in rows.items()}


def _count(run: Callable[[], Any], where: torch.device, seconds: float) -> int:
    _seconds(run, where, 3)  # warm-up
    return max(3, int(10 * seconds / _seconds(run, where, 10)))


def _seconds(run: Callable[[], Any], where: torch.device, count: int) -> float:
    start = time.monotonic()
    for _ in range(count):
        run()
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    return time.monotonic() - start
