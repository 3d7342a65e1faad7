"""CPU kernel of the decoder's step of K auto-encoders.

The decoder has one row of weights per input. Forward pass, reconstruction cost, backward pass and
update follow each other tile by tile of these rows, so that memory delivers each row once a step.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs, M reconstructed inputs (all,
or a sample), O units of the layer.
"""

from dataclasses import dataclass
from functools import partial

from pipeline.networks.arithmetic.emitter import Emitter, Value
from pipeline.networks.arithmetic.reconstructions import RECONSTRUCTIONS, Reconstruction
from pipeline.networks.kernels.cpu.kernels import (
    Window,
    back_through_units,
    fill,
    update_biases,
)
from pipeline.networks.kernels.cpu.matrix_products import (
    SWEEP_TILE,
    Matrix,
    sweep_columns,
    sweep_rows,
    tile_end,
)


@dataclass(frozen=True)
class Costs:
    """Pointers of the reconstruction cost of one auto-encoder, or of a share of its inputs.

    `delta_BM` holds the decoder's linear outputs first, then the gradient there.
    """

    delta_BM: Value
    t_BM: Value
    costs_BM: Value
    weight_M: Value | None  # of each input's cost, of a sample
    rate: Value


def decoder_step(
    batch: int,
    lanes: int,
    *,
    reconstruction: str,
    sampled: bool,
    unit: str,
    penalized: bool,
    shared: bool = False,
    phase: str | None = None,
) -> Emitter:
    """Add h' delta to the decoder's weights V, and the sum of delta to its biases c.

    delta is the gradient of the reconstruction cost at c + V h, times a rate. Writes the gradient
    at the linear outputs of the layer, whose outputs are h, from the weights before their update,
    and the cost of each example. `sampled`: only the inputs `places` are reconstructed, each with a
    weight of its cost. `phase`: only the first part, `forward`, or the second, `backward`, with the
    same bits: of the first, the threads of a team share the inputs, of the second, the units.

    Arguments: h [K, B, O], V [K, I, O], c [K, M], targets [K, B, M], rate [K], places [K, M]
    (int64), weight [K, M], delta [K, B, M], costs of inputs [K, B, M], below [K, B, O], cost
    [K, B], l1 [K], hardness [K]; I, M, O, K.
    """
    emitter = Emitter("decoder_step", 13, 4, lanes=lanes, shared=shared)
    at, times, (*stacks, I, M, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    h_KBO, V_KIO, c_KM, t_KBM, rate_K, places_KM, weight_KM, *outputs, l1_K, a_K = stacks
    delta_KBM, costs_KBM, below_KBO, cost_KB = outputs
    forward, backward = phase != "backward", phase != "forward"
    (first_m, inputs), (first_o, units) = emitter.share(M), emitter.share(O)
    with emitter.loop(0, K) as k:
        h_BO, below_BO = (at(stack, times(k, batch, O)) for stack in (h_KBO, below_KBO))
        h_BC, below_BC = at(h_BO, first_o), at(below_BO, first_o)
        t_BR, delta_BR, costs_BR = (
            at(stack, times(k, batch, M), first_m) for stack in (t_KBM, delta_KBM, costs_KBM)
        )
        delta_BM = at(delta_KBM, times(k, batch, M))
        c_R, weight_R = (at(row, times(k, M), first_m) for row in (c_KM, weight_KM))
        places_M = emitter.integers_at(places_KM, times(k, M)) if sampled else None
        V_IO = at(V_KIO, times(k, I, O))
        rows = Matrix(at(V_IO, times(first_m, O)), inputs, O, places_M, whole_R=M)
        columns = Matrix(at(V_IO, first_o), M, units, places_M, whole_C=O)

        cost_of = RECONSTRUCTIONS[reconstruction]
        pointers = Costs(delta_BR, t_BR, costs_BR, weight_R if sampled else None, at(rate_K, k))
        if forward:
            fill(emitter, Window(batch, inputs, M), delta_BR, row=c_R)
        if backward:
            fill(emitter, Window(batch, units, O), below_BC)
        with emitter.loop(0, inputs if forward else M, SWEEP_TILE) as top:
            if forward:
                sweep_rows(emitter, batch, rows, h_BO, out_BR=delta_BR, tile=top)
                _reconstruct_tile(emitter, batch, rows, top, cost_of, pointers)
            if backward:
                sweep_columns(
                    emitter, batch, columns, delta_BM, columns_BC=h_BC, out_BC=below_BC, tile=top
                )
        if backward:
            first_b, examples = emitter.share(batch)
            with emitter.loop(first_b, emitter.plus(first_b, examples)) as b:
                costs_M = at(costs_KBM, times(k, batch, M), times(b, M))
                cost = emitter.sum_over(M, lambda m, mask: emitter.load(at(costs_M, m), mask))
                emitter.store_first(cost, at(cost_KB, emitter.plus(times(k, batch), b)))
            back_through_units(
                emitter, unit, Window(batch, units, O), h_BC, below_BC,
                l1=at(l1_K, k) if penalized else None,
                hardness=at(a_K, k),
            )  # fmt: skip
            update_biases(emitter, Window(batch, inputs, M), c_R, delta_BR)
    return emitter


def _reconstruct_tile(
    emitter: Emitter, batch: int, matrix: Matrix, top: Value, cost_of: Reconstruction, costs: Costs
) -> None:
    """Emit costs and gradients, times the rate, of the inputs of one tile of rows."""

    def reconstruct(b: Value, column: Value, mask: Value | None) -> None:
        m = emitter.plus(top, column)
        place = emitter.plus(emitter.times(b, matrix.rows_step), m)
        here = emitter.at(costs.delta_BM, place)
        z, t = (emitter.load(pointer, mask) for pointer in (here, emitter.at(costs.t_BM, place)))
        delta, cost = cost_of(emitter, z, t)
        if costs.weight_M is not None:
            weight = emitter.load(emitter.at(costs.weight_M, m), mask)
            delta, cost = emitter.multiply(delta, weight), emitter.multiply(cost, weight)
        emitter.store(emitter.multiply(delta, emitter.broadcast(costs.rate)), here, mask)
        emitter.store(cost, emitter.at(costs.costs_BM, place), mask)

    width = emitter.minus(tile_end(emitter, matrix, top), top)
    with emitter.loop(0, batch) as b:
        emitter.for_vectors(width, partial(reconstruct, b))
