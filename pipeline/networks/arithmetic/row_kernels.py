"""CPU kernels on rows: elementary functions, sums, softmax, reconstruction, sparse rows.

Legend of shape suffixes: N numbers, K networks, B rows of a mini-batch, C columns, O outputs of a
layer, R rows of weights, Q rows of all mini-batches, M = Q + 1 their row pointers, P non-zero
inputs of all rows.
"""

import math

from pipeline.networks.arithmetic import elementary
from pipeline.networks.arithmetic.emitter import Columns, Emitter, Value
from pipeline.networks.arithmetic.reconstructions import RECONSTRUCTIONS

STRIP = 8  # vectors of a row that stay in registers while they are added to other rows


def elementwise(batch: int | None, lanes: int, *, function: str) -> Emitter:
    """Write f(x) of N numbers. Arguments: x, out; N."""
    emitter = Emitter("elementwise", 2, 1, lanes=lanes)
    x_N, out_N, N = emitter.arguments
    act = elementary.FUNCTIONS[function]

    def vector(n: Value, mask: Value | None) -> None:
        x = emitter.load(emitter.at(x_N, n), mask)
        emitter.store(act(emitter, x), emitter.at(out_N, n), mask)

    emitter.for_vectors(N, vector)
    return emitter


def sums(batch: int | None, lanes: int) -> Emitter:
    """Write the sum of each row. Arguments: x [B, C], out [B]; B, C."""
    emitter = Emitter("sums", 2, 2, lanes=lanes)
    x_BC, out_B, B, C = emitter.arguments
    with emitter.loop(0, B) as b:
        x_C = emitter.at(x_BC, emitter.times(b, C))
        total = emitter.sum_over(C, lambda c, mask: emitter.load(emitter.at(x_C, c), mask))
        emitter.store_first(total, emitter.at(out_B, b))
    return emitter


def log_softmax(batch: int | None, lanes: int) -> Emitter:
    """Write the log-softmax of each row. Arguments: x [B, C], out [B, C]; B, C."""
    emitter = Emitter("log_softmax", 2, 2, lanes=lanes)
    x_BC, out_BC, B, C = emitter.arguments
    with emitter.loop(0, B) as b:
        x_C, out_C = (emitter.at(matrix, emitter.times(b, C)) for matrix in (x_BC, out_BC))
        largest, total = _softmax(emitter, x_C, out_C, C)
        log_total = elementary.log(emitter, total)

        def vector(c: Value, mask: Value | None) -> None:
            x = emitter.subtract(emitter.load(emitter.at(x_C, c), mask), largest)
            emitter.store(emitter.subtract(x, log_total), emitter.at(out_C, c), mask)

        emitter.for_vectors(C, vector)
    return emitter


def softmax_delta(batch: int | None, lanes: int) -> Emitter:
    """Write the gradient of -log P(y) at the softmax inputs, times a rate, and the mean cost.

    The cost is NaN where some y is no class.
    Arguments: scores [K, B, C], y [K, B] (int64), rate [K], delta [K, B, C], cost [K]; B, C, K.
    """
    emitter = Emitter("softmax_delta", 5, 3, lanes=lanes)
    scores_KBC, y_KB, rate_K, delta_KBC, cost_K, B, C, K = emitter.arguments
    with emitter.loop(0, K) as k:
        rate, cost = emitter.broadcast(emitter.at(rate_K, k)), emitter.accumulator()
        with emitter.loop(0, B) as b:
            row = emitter.plus(emitter.times(k, B), b)
            x_C, delta_C = (
                emitter.at(matrix, emitter.times(row, C)) for matrix in (scores_KBC, delta_KBC)
            )
            largest, total = _softmax(emitter, x_C, delta_C, C)

            def vector(c: Value, mask: Value | None) -> None:
                here = emitter.at(delta_C, c)
                p = emitter.divide(emitter.load(here, mask), total)
                emitter.store(emitter.multiply(p, rate), here, mask)

            emitter.for_vectors(C, vector)
            label = emitter.integer(y_KB, row)
            y = emitter.minimum(emitter.maximum(label, 0), emitter.minus(C, 1))
            x_y, here = emitter.broadcast(emitter.at(x_C, y)), emitter.at(delta_C, y)
            surprise = emitter.subtract(
                elementary.log(emitter, total), emitter.subtract(x_y, largest)
            )
            surprise = emitter.where_equal(label, y, surprise, emitter.constant(math.nan))
            emitter.assign(cost, emitter.add(emitter.content(cost), surprise))
            emitter.store_first(emitter.subtract(emitter.broadcast(here), rate), here)
        mean = emitter.divide(emitter.content(cost), emitter.converted(B))
        emitter.store_first(mean, emitter.at(cost_K, k))
    return emitter


def reconstruct(batch: int | None, lanes: int, *, reconstruction: str) -> Emitter:
    """Write the gradient of a reconstruction cost at the decoder's linear outputs, times a rate,
    and the cost of each row, summed over its inputs.

    Arguments: z [K, B, C], targets [K, B, C], rate [K], delta [K, B, C], cost [K, B]; B, C, K.
    """
    emitter = Emitter("reconstruct", 5, 3, lanes=lanes)
    z_KBC, t_KBC, rate_K, delta_KBC, cost_KB, B, C, K = emitter.arguments
    act = RECONSTRUCTIONS[reconstruction]
    with emitter.loop(0, K) as k:
        rate = emitter.broadcast(emitter.at(rate_K, k))
        with emitter.loop(0, B) as b:
            row = emitter.plus(emitter.times(k, B), b)
            first = emitter.times(row, C)
            z_C, t_C, delta_C = (emitter.at(m, first) for m in (z_KBC, t_KBC, delta_KBC))

            def vector(c: Value, mask: Value | None) -> Value:
                z, t = (emitter.load(emitter.at(m, c), mask) for m in (z_C, t_C))
                delta, cost = act(emitter, z, t)
                delta = emitter.multiply(delta, rate)
                emitter.store(delta, emitter.at(delta_C, c), mask)
                return cost if mask is None else emitter.where(mask, cost, emitter.zeros())

            emitter.store_first(emitter.sum_over(C, vector), emitter.at(cost_KB, row))
    return emitter


def gather(batch: int | None, lanes: int) -> Emitter:
    """Write row q of out [Q, O]: the sum of the rows `places[starts[q] : starts[q + 1]]` of W.

    Arguments: W, starts, places, out; O, Q.
    """
    emitter = Emitter("gather", 4, 2, lanes=lanes)
    at, times, (W_RO, starts_M, places_P, out_QO, O, Q) = (  # noqa: E741
        emitter.at, emitter.times, emitter.arguments,
    )  # fmt: skip
    with emitter.loop(0, Q) as q:
        first, last = (emitter.integer(starts_M, emitter.plus(q, n)) for n in (0, 1))
        out_O = at(out_QO, times(q, O))

        def strip(columns: Columns) -> None:
            sums = [emitter.accumulator() for _ in columns]
            with emitter.loop(first, last) as p:
                W_O = at(W_RO, times(emitter.integer(places_P, p), O))
                for total, (column, mask) in zip(sums, columns, strict=True):
                    row = emitter.load(at(W_O, column), mask)
                    emitter.assign(total, emitter.add(emitter.content(total), row))
            for total, (column, mask) in zip(sums, columns, strict=True):
                emitter.store(emitter.content(total), at(out_O, column), mask)

        emitter.for_panels(O, STRIP, strip)
    return emitter


def scatter(batch: int | None, lanes: int) -> Emitter:
    """Add row q of delta [Q, O] to the rows `places[starts[q] : starts[q + 1]]` of W.

    Arguments: W, starts, places, delta; O, Q.
    """
    emitter = Emitter("scatter", 4, 2, lanes=lanes)
    at, times, (*stacks, O, Q) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    W_RO, starts_M, places_P, delta_QO = stacks
    with emitter.loop(0, Q) as q:
        first, last = (emitter.integer(starts_M, emitter.plus(q, n)) for n in (0, 1))
        delta_O = at(delta_QO, times(q, O))

        def strip(columns: Columns) -> None:
            held = [emitter.load(at(delta_O, column), mask) for column, mask in columns]
            with emitter.loop(first, last) as p:
                W_O = at(W_RO, times(emitter.integer(places_P, p), O))
                for step, (column, mask) in zip(held, columns, strict=True):
                    here = at(W_O, column)
                    emitter.store(emitter.add(emitter.load(here, mask), step), here, mask)

        emitter.for_panels(O, STRIP, strip)
    return emitter


def _softmax(emitter: Emitter, x_C: Value, out_C: Value, C: Value) -> tuple[Value, Value]:
    """Write exp(x - max x); return the maximum and the sum of what is written, in every lane."""
    lowest = emitter.constant(float("-inf"))
    top = emitter.accumulator()
    emitter.assign(top, lowest)

    def compare(c: Value, mask: Value | None) -> None:
        x = emitter.load(emitter.at(x_C, c), mask)
        x = x if mask is None else emitter.where(mask, x, lowest)
        emitter.assign(top, emitter.larger(x, emitter.content(top)))

    emitter.for_vectors(C, compare)
    largest = emitter.folded([emitter.content(top)], emitter.larger)

    def vector(c: Value, mask: Value | None) -> Value:
        x = emitter.load(emitter.at(x_C, c), mask)
        y = elementary.exp(emitter, emitter.subtract(x, largest))
        emitter.store(y, emitter.at(out_C, c), mask)
        return y if mask is None else emitter.where(mask, y, emitter.zeros())

    return largest, emitter.sum_over(C, vector)
