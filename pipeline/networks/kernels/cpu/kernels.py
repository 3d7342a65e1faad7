"""CPU kernels of K layers: forward, and backward with the update.

The GPU kernels of the same names (gpu/kernels.py) compute the same. A layer's weights are read
once; biases and units are passes over the B rows of a mini-batch, which fit the cache.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs; a
1 broadcasts. `transposed`: the weights lie in memory as [O, I], as those of a decoder do. `shared`:
each thread of a team computes its share of the results (emitter.py), with the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.networks.arithmetic.emitter import Emitter, Index, Value
from pipeline.networks.kernels.cpu.matrix_products import (
    Matrix,
    add_product,
    sweep_columns,
    sweep_rows,
)
from pipeline.networks.kernels.cpu.units import UNITS


def forward(
    batch: int | None,
    lanes: int,
    *,
    transposed: bool,
    unit: str | None,
    negated: bool,
    shared: bool = False,
) -> Emitter:
    """Write f(b + x W) * signs, where f is a hidden unit or nothing.

    Arguments: x, W, b, h, signs, hardness; B, I, O, K. Without a `batch` B is any number, and
    large.
    """
    emitter = Emitter("forward", 6, 4, lanes=lanes, shared=shared)
    at, times, (*stacks, B, I, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    x_KBI, W_KIO, b_K1O, h_KBO, signs_K1O, a_K11 = stacks
    first, width = emitter.share(O)
    with emitter.loop(0, K) as k:
        x_BI, h_BO = at(x_KBI, times(k, B, I)), at(h_KBO, times(k, B, O), first)
        b_O, signs_O = (at(row, times(k, O), first) for row in (b_K1O, signs_K1O))
        W_IO = at(W_KIO, times(k, I, O), times(first, I) if transposed else first)

        def activate(place: Value, o: Value, mask: Value | None) -> None:
            assert unit is not None
            z = emitter.load(at(h_BO, place), mask)
            h = UNITS[unit].forward(emitter, z, at(a_K11, k))
            if negated:
                h = emitter.multiply(h, emitter.load(at(signs_O, o), mask))
            emitter.store(h, at(h_BO, place), mask)

        outputs = Window(B, width, O)
        fill(emitter, outputs, h_BO, row=b_O)
        if batch is None:
            add_product(emitter, B, Matrix(W_IO, I, width, whole_C=O), x_BI, h_BO)
        elif transposed:
            sweep_rows(emitter, batch, Matrix(W_IO, width, I, whole_R=O), x_BI, out_BR=h_BO)
        else:
            sweep_columns(emitter, batch, Matrix(W_IO, I, width, whole_C=O), x_BI, out_BC=h_BO)
        if unit:
            _for_window(emitter, outputs, activate)
    return emitter


def backward_and_update(
    batch: int,
    lanes: int,
    *,
    transposed: bool,
    below: bool,
    unit: str | None,
    negated: bool,
    penalized: bool,
    shared: bool = False,
) -> Emitter:
    """Add x' delta to the weights and the sum of delta to the biases.

    `below`: also write delta W', computed from the weights before their update. `unit`: the inputs
    x are outputs of hidden units, and the gradient at their linear outputs is written.

    Arguments: x, W, b, delta, below, signs, l1 and hardness of the layer below; B, I, O, K.
    """
    emitter = Emitter("backward_and_update", 8, 4, lanes=lanes, shared=shared)
    at, times, (*stacks, _, I, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    x_KBI, W_KIO, b_K1O, delta_KBO, below_KBI, signs_K1I, l1_K11, a_K11 = stacks
    first, count = emitter.share(I)
    first_o, outputs = emitter.share(O)
    with emitter.loop(0, K) as k:
        x_BI, delta_BO = at(x_KBI, times(k, batch, I)), at(delta_KBO, times(k, batch, O))
        x_BR, delta_BC = at(x_BI, first), at(delta_BO, first_o)
        below_BR = at(below_KBI, times(k, batch, I), first)
        W_IO, b_C = at(W_KIO, times(k, I, O)), at(b_K1O, times(k, O), first_o)

        inputs = Window(batch, count, I)
        if below:
            fill(emitter, inputs, below_BR)
        if transposed:
            matrix, out_BR = (
                Matrix(at(W_IO, first), O, count, whole_C=I),
                below_BR if below else None,
            )
            sweep_columns(emitter, batch, matrix, delta_BO, columns_BC=x_BR, out_BC=out_BR)
        elif below:
            matrix = Matrix(at(W_IO, times(first, O)), count, O, whole_R=I)
            sweep_rows(emitter, batch, matrix, delta_BO, rows_BR=x_BR, out_BR=below_BR)
        else:  # the share of the forward pass: it stays in the cache of the thread's core
            matrix = Matrix(at(W_IO, first_o), I, outputs, whole_C=O)
            sweep_columns(emitter, batch, matrix, x_BI, columns_BC=delta_BC)
        if below and unit:
            back_through_units(
                emitter, unit, inputs, x_BR, below_BR,
                signs_I=at(signs_K1I, times(k, I), first) if negated else None,
                l1=at(l1_K11, k) if penalized else None,
                hardness=at(a_K11, k),
            )  # fmt: skip
        update_biases(emitter, Window(batch, outputs, O), b_C, delta_BC)
    return emitter


@dataclass(frozen=True)
class Window:
    """Shape of some columns of a matrix: its rows, the columns, and the columns of the whole."""

    B: Index
    C: Value
    whole_C: Value


def fill(emitter: Emitter, window: Window, out_BC: Value, *, row: Value | None = None) -> None:
    """Emit the copy of a row of numbers into each row of a matrix, by default of 0."""

    def write(place: Value, column: Value, mask: Value | None) -> None:
        numbers = emitter.zeros() if row is None else emitter.load(emitter.at(row, column), mask)
        emitter.store(numbers, emitter.at(out_BC, place), mask)

    _for_window(emitter, window, write)


def back_through_units(
    emitter: Emitter,
    unit: str,
    window: Window,
    h_BI: Value,
    slope_BI: Value,
    *,
    signs_I: Value | None = None,
    l1: Value | None,
    hardness: Value,
) -> None:
    """Emit the backward pass from the outputs of hidden units to their linear outputs.

    The arguments are pointers: to the outputs, to the gradient there, which is overwritten, to the
    signs of the units, to the scaled coefficient of the L1 penalty, and to the hardness.
    """

    def backward(place: Value, i: Value, mask: Value | None) -> None:
        h, slope = (emitter.load(emitter.at(stack, place), mask) for stack in (h_BI, slope_BI))
        if signs_I is not None:  # f(z) without its sign: f'(z) is computed from f(z)
            signs = emitter.load(emitter.at(signs_I, i), mask)
            h, slope = emitter.multiply(h, signs), emitter.multiply(slope, signs)
        if l1 is not None:
            penalty, zero = emitter.broadcast(l1), emitter.zeros()
            above = emitter.where(emitter.less(zero, h), penalty, zero)
            below = emitter.where(emitter.less(h, zero), emitter.negative(penalty), above)
            slope = emitter.add(slope, below)
        slope = UNITS[unit].backward(emitter, slope, h, hardness)
        emitter.store(slope, emitter.at(slope_BI, place), mask)

    _for_window(emitter, window, backward)


def update_biases(emitter: Emitter, window: Window, b_O: Value, delta_BO: Value) -> None:
    """Emit the addition of the sum of delta over the mini-batch, in order, to the biases."""

    def update(o: Value, mask: Value | None) -> None:
        step = emitter.load(emitter.at(delta_BO, o), mask)
        for b in range(1, window.B):
            here = emitter.at(delta_BO, emitter.times(b, window.whole_C), o)
            step = emitter.add(step, emitter.load(here, mask))
        here = emitter.at(b_O, o)
        emitter.store(emitter.add(emitter.load(here, mask), step), here, mask)

    emitter.for_vectors(window.C, update)


def _for_window(
    emitter: Emitter, window: Window, act: Callable[[Value, Value, Value | None], None]
) -> None:
    """Emit `act(place, column, mask)` for all vectors of a window, at its places in the whole."""
    with emitter.loop(0, window.B) as b:
        first = emitter.times(b, window.whole_C)
        emitter.for_vectors(
            window.C, lambda column, mask: act(emitter.plus(first, column), column, mask)
        )
