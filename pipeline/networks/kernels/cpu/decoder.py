"""CPU kernel of the decoder's step of K auto-encoders.

The decoder has one row of weights per input. Forward pass, reconstruction cost, backward pass and
update follow each other tile by tile of these rows, so that memory delivers each row once a step.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs, M reconstructed inputs (all,
or a sample), O units of the layer.
"""

from functools import partial

from pipeline.networks.arithmetic.emitter import Emitter, Value
from pipeline.networks.arithmetic.reconstructions import RECONSTRUCTIONS
from pipeline.networks.kernels.cpu.kernels import back_through_unit, for_matrix, update_biases
from pipeline.networks.kernels.cpu.matrix_products import (
    SWEEP_TILE,
    Matrix,
    sweep_columns,
    sweep_rows,
    tile_end,
)


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
        c_M, weight_M, rate = at(c_KM, times(k, M)), at(weight_KM, times(k, M)), at(rate_K, k)
        places_M = emitter.integers_at(places_KM, times(k, M)) if sampled else None
        matrix = Matrix(at(V_KIO, times(k, I, O)), M, O, places_M)

        def start(place: Value, m: Value, mask: Value | None) -> None:
            emitter.store(emitter.load(at(c_M, m), mask), at(delta_BM, place), mask)

        def clear(place: Value, o: Value, mask: Value | None) -> None:
            emitter.store(emitter.zeros(), at(below_BO, place), mask)

        def reconstruct(b: Value, top: Value, column: Value, mask: Value | None) -> None:
            m = emitter.plus(top, column)
            place = emitter.plus(times(b, M), m)
            z, t = (emitter.load(at(stack, place), mask) for stack in (delta_BM, t_BM))
            delta, cost = RECONSTRUCTIONS[reconstruction](emitter, z, t)
            if sampled:
                weight = emitter.load(at(weight_M, m), mask)
                delta, cost = emitter.multiply(delta, weight), emitter.multiply(cost, weight)
            delta = emitter.multiply(delta, emitter.broadcast(rate))
            emitter.store(delta, at(delta_BM, place), mask)
            emitter.store(cost, at(costs_BM, place), mask)

        def unit_backward(place: Value, o: Value, mask: Value | None) -> None:
            penalty = at(l1_K, k) if penalized else None
            back_through_unit(
                emitter, unit, at(h_BO, place), at(below_BO, place), mask,
                signs=None, penalty=penalty, hardness=at(a_K, k),
            )  # fmt: skip

        for_matrix(emitter, batch, M, start)
        for_matrix(emitter, batch, O, clear)
        with emitter.loop(0, M, SWEEP_TILE) as top:
            width = emitter.minus(tile_end(emitter, matrix, top), top)
            sweep_rows(emitter, batch, matrix, h_BO, out_BR=delta_BM, tile=top)
            with emitter.loop(0, batch) as b:
                emitter.for_vectors(width, partial(reconstruct, b, top))
            sweep_columns(
                emitter, batch, matrix, delta_BM, columns_BC=h_BO, out_BC=below_BO, tile=top
            )
        with emitter.loop(0, batch) as b:
            costs_M = at(costs_BM, times(b, M))
            cost = emitter.sum_over(M, lambda m, mask: emitter.load(at(costs_M, m), mask))
            emitter.store_first(cost, at(cost_KB, emitter.plus(times(k, batch), b)))
        for_matrix(emitter, batch, O, unit_backward)
        update_biases(emitter, batch, c_M, delta_BM, M)
    return emitter
