"""Kernels for the CPU: a layer forward, a layer back with its update, for each network of a stack.

They do what those of the same names in gpu/kernels.py do. A layer's weights are swept
once; biases and units are passes over the B rows of a mini-batch, which the cache holds.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs, R
rows of weights of all networks, K * I, Q rows of all mini-batches, K * B, M their ends (Q + 1), P
ones of all rows; a 1 broadcasts. `transposed`: the weights lie in memory as [O, I], as those of a
tied decoder do.
"""

from collections.abc import Callable

from pipeline.networks.kernels.cpu import product, sweeps
from pipeline.networks.kernels.cpu.emitter import Columns, Emitter, Index, Value
from pipeline.networks.kernels.cpu.sweeps import Matrix

ARGUMENTS = {"forward": (5, 4), "descend": (7, 4), "scatter": (4, 2)}  # pointers, integers
STRIP = 8  # vectors of a row that are held while they are added to others


def forward(
    batch: int | None, lanes: int, *, transposed: bool, rectifier: bool, negated: bool
) -> Emitter:
    """Write f(b + x W) * signs, where f is the rectifier or nothing.

    Arguments: x, W, b, h, signs; B, I, O, K. Without a `batch` B may be anything, and large.
    """
    emitter = Emitter("forward", *ARGUMENTS["forward"], lanes=lanes)
    at, times, (*stacks, B, I, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    x_KBI, W_KIO, b_K1O, h_KBO, signs_K1O = stacks
    with emitter.loop(0, K) as k:
        x_BI, h_BO = at(x_KBI, times(k, B, I)), at(h_KBO, times(k, B, O))
        b_O, signs_O = at(b_K1O, times(k, O)), at(signs_K1O, times(k, O))
        W_IO = at(W_KIO, times(k, I, O))

        def start(place: Value, o: Value, mask: Value | None) -> None:
            emitter.store(emitter.load(at(b_O, o), mask), at(h_BO, place), mask)

        def rectify(place: Value, o: Value, mask: Value | None) -> None:
            z = emitter.load(at(h_BO, place), mask)
            h = emitter.where(emitter.below(z, emitter.zeros()), emitter.zeros(), z)  # keeps NaN
            if negated:
                h = emitter.multiply(h, emitter.load(at(signs_O, o), mask))
            emitter.store(h, at(h_BO, place), mask)

        _each(emitter, B, O, start)
        if batch is None:
            product.add_product(emitter, B, Matrix(W_IO, I, O), x_BI, h_BO)
        elif transposed:
            sweeps.across(emitter, batch, Matrix(W_IO, O, I), x_BI, out_BR=h_BO)
        else:
            sweeps.down(emitter, batch, Matrix(W_IO, I, O), x_BI, out_BC=h_BO)
        if rectifier:
            _each(emitter, B, O, rectify)
    return emitter


def descend(
    batch: int,
    lanes: int,
    *,
    transposed: bool,
    below: bool,
    rectifier: bool,
    negated: bool,
    penalized: bool,
) -> Emitter:
    """Add x' delta to the weights and the sum of delta to the biases.

    `below`: write delta W' too, from the weights as they were. With a `rectifier` the inputs x are
    the outputs of such units, and what is written is the gradient at their linear outputs.

    Arguments: x, W, b, delta, below, signs and l1 of the units below; B, I, O, K.
    """
    emitter = Emitter("descend", *ARGUMENTS["descend"], lanes=lanes)
    at, times, (*stacks, _, I, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    x_KBI, W_KIO, b_K1O, delta_KBO, below_KBI, signs_K1I, l1_K11 = stacks
    with emitter.loop(0, K) as k:
        x_BI, below_BI = at(x_KBI, times(k, batch, I)), at(below_KBI, times(k, batch, I))
        delta_BO, b_O = at(delta_KBO, times(k, batch, O)), at(b_K1O, times(k, O))
        W_IO, signs_I = at(W_KIO, times(k, I, O)), at(signs_K1I, times(k, I))

        def start(place: Value, i: Value, mask: Value | None) -> None:
            emitter.store(emitter.zeros(), at(below_BI, place), mask)

        def chain(place: Value, i: Value, mask: Value | None) -> None:
            h, slope = (emitter.load(at(each, place), mask) for each in (x_BI, below_BI))
            if negated:  # f(z) itself: the slope is told from it
                signs = emitter.load(at(signs_I, i), mask)
                h, slope = emitter.multiply(h, signs), emitter.multiply(slope, signs)
            if penalized:
                slope = emitter.add(slope, emitter.spread(at(l1_K11, k)))
            passes = emitter.below(emitter.zeros(), h)
            emitter.store(emitter.where(passes, slope, emitter.zeros()), at(below_BI, place), mask)

        def shift(o: Value, mask: Value | None) -> None:
            step = emitter.load(at(delta_BO, o), mask)
            for b in range(1, batch):
                step = emitter.add(step, emitter.load(at(delta_BO, times(b, O), o), mask))
            emitter.store(emitter.add(emitter.load(at(b_O, o), mask), step), at(b_O, o), mask)

        if below:
            _each(emitter, batch, I, start)
        if transposed:
            out_BI = below_BI if below else None
            sweeps.down(
                emitter, batch, Matrix(W_IO, O, I), delta_BO, columns_BC=x_BI, out_BC=out_BI
            )
        elif below:
            matrix = Matrix(W_IO, I, O)
            sweeps.across(emitter, batch, matrix, delta_BO, rows_BR=x_BI, out_BR=below_BI)
        else:
            sweeps.down(emitter, batch, Matrix(W_IO, I, O), x_BI, columns_BC=delta_BO)
        if below and rectifier:
            _each(emitter, batch, I, chain)
        emitter.each_vector(O, shift)
    return emitter


def scatter(batch: None, lanes: int) -> Emitter:
    """Add row q of delta [Q, O] to the rows of W whose places are from start q up to start q + 1.

    Arguments: W, starts, places, delta; O, Q.
    """
    emitter = Emitter("scatter", *ARGUMENTS["scatter"], lanes=lanes)
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

        emitter.each_panel(O, STRIP, strip)
    return emitter


def _each(
    emitter: Emitter, batch: Index, width: Value, act: Callable[[Value, Value, Value | None], None]
) -> None:
    """Emit a pass over [B, width] by vectors: each at its place, of these columns, masked so."""
    with emitter.loop(0, batch) as b:
        first = emitter.times(b, width)
        emitter.each_vector(
            width, lambda column, mask: act(emitter.plus(first, column), column, mask)
        )


KERNELS: dict[str, Callable[..., Emitter]] = {
    "forward": forward, "descend": descend, "scatter": scatter,
}  # fmt: skip
