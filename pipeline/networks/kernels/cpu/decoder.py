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
from pipeline.networks.kernels.cpu.kernels import back_through_units, fill, update_biases
from pipeline.networks.kernels.cpu.matrix_products import (
    SWEEP_TILE,
    Matrix,
    sweep_columns,
    sweep_rows,
    tile_end,
)


@dataclass(frozen=True)
class Costs:
    """Pointers of the reconstruction cost of one auto-encoder.

    `delta_BM` holds the decoder's linear outputs first, then the gradient there.
    """

    delta_BM: Value
    t_BM: Value
    costs_BM: Value
    weight_M: Value | None  # of each input's cost, of a sample
    rate: Value


def decoder_step(
    batch: int, lanes: int, *, reconstruction: str, sampled: bool, unit: str, penalized: bool
) -> Emitter:
    """Add h' delta to the decoder's weights V, and the sum of delta to its biases c.

    delta is the gradient of the reconstruction cost at c + V h, times a rate. Writes the gradient
    at the linear outputs of the layer, whose outputs are h, from the weights before their update,
    and the cost of each example. `sampled`: only the inputs `places` are reconstructed, each with a
    weight of its cost.

    Arguments: h [K, B, O], V [K, I, O], c [K, M], targets [K, B, M], rate [K], places [K, M]
    (int64), weight [K, M], delta [K, B, M], costs of inputs [K, B, M], below [K, B, O], cost
    [K, B], l1 [K], hardness [K]; I, M, O, K.
    """
    emitter = Emitter("decoder_step", 13, 4, lanes=lanes)
    at, times, (*stacks, I, M, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    h_KBO, V_KIO, c_KM, t_KBM, rate_K, places_KM, weight_KM, *outputs, l1_K, a_K = stacks
    delta_KBM, costs_KBM, below_KBO, cost_KB = outputs
    with emitter.loop(0, K) as k:
        h_BO, below_BO = (at(stack, times(k, batch, O)) for stack in (h_KBO, below_KBO))
        t_BM, delta_BM, costs_BM = (
            at(stack, times(k, batch, M)) for stack in (t_KBM, delta_KBM, costs_KBM)
        )
        c_M, weight_M = at(c_KM, times(k, M)), at(weight_KM, times(k, M))
        places_M = emitter.integers_at(places_KM, times(k, M)) if sampled else None
        matrix = Matrix(at(V_KIO, times(k, I, O)), M, O, places_M)

        cost_of = RECONSTRUCTIONS[reconstruction]
        pointers = Costs(delta_BM, t_BM, costs_BM, weight_M if sampled else None, at(rate_K, k))
        fill(emitter, batch, M, delta_BM, row=c_M)
        fill(emitter, batch, O, below_BO)
        with emitter.loop(0, M, SWEEP_TILE) as top:
            sweep_rows(emitter, batch, matrix, h_BO, out_BR=delta_BM, tile=top)
            _reconstruct_tile(emitter, batch, matrix, top, cost_of, pointers)
            sweep_columns(
                emitter, batch, matrix, delta_BM, columns_BC=h_BO, out_BC=below_BO, tile=top
            )
        with emitter.loop(0, batch) as b:
            costs_M = at(costs_BM, times(b, M))
            cost = emitter.sum_over(M, lambda m, mask: emitter.load(at(costs_M, m), mask))
            emitter.store_first(cost, at(cost_KB, emitter.plus(times(k, batch), b)))
        l1 = at(l1_K, k) if penalized else None
        back_through_units(emitter, unit, batch, O, h_BO, below_BO, l1=l1, hardness=at(a_K, k))
        update_biases(emitter, batch, c_M, delta_BM, M)
    return emitter


def _reconstruct_tile(
    emitter: Emitter, batch: int, matrix: Matrix, top: Value, cost_of: Reconstruction, costs: Costs
) -> None:
    """Emit costs and gradients, times the rate, of the inputs of one tile of rows."""

    def reconstruct(b: Value, column: Value, mask: Value | None) -> None:
        m = emitter.plus(top, column)
        place = emitter.plus(emitter.times(b, matrix.R), m)
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
