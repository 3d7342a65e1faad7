"""One sweep over a weight matrix: products with it and its update, each weight read only once.

A step of SGD on a layer of 1,000 x 1,000 reads 4 MB of weights for 10 rows of inputs: what it costs
is the way of the weights from memory and back, unless they are read once for all ten rows, and for
the input gradient and the update together. Sums are held in registers meanwhile.

A sweep goes over the weights W [R, C], row by row. `rows` [B, R] has a number for each row of W,
`columns` [B, C] for each column. It may
- add products to `out`: down the columns, rows W [B, C], or across the rows, columns W' [B, R];
- update W += rows' columns, a weight after it has served for the products.

Legend of shape suffixes: B rows of a mini-batch, R rows of W, C its columns.
"""

from dataclasses import dataclass
from functools import partial

from pipeline.networks.kernels.cpu.emitter import Columns, Emitter, Value

TILE = 64  # rows of W between two writes of the sums; one tile fits the second-level cache
AHEAD = 2000  # floats from those in use to those that are fetched
# Registers of so many floats come in sixteens, which hold the sums and factors of one vector of
# columns, or of one row; others in thirty-twos, which hold those of two, but not of both at once.
FEW_REGISTERS = {8}


@dataclass(frozen=True)
class Matrix:
    """Where the weights are, and how many rows and columns they have."""

    W_RC: Value
    R: Value
    C: Value


def down(
    emitter: Emitter,
    batch: int,
    matrix: Matrix,
    rows_BR: Value,
    *,
    columns_BC: Value | None = None,
    out_BC: Value | None = None,
) -> None:
    """Sweep in panels of one or two vectors of columns. `columns_BC` asks for the update, `out_BC`
    for out += rows W."""

    def panel(top: Value, columns: Columns) -> None:
        places = [
            (emitter.plus(emitter.times(b, matrix.C), at), mask)
            for b in range(batch)
            for at, mask in columns
        ]
        sums, held = [], []
        if out_BC is not None:
            sums = [emitter.accumulator() for _ in places]
        if columns_BC is not None:
            held = [emitter.load(emitter.at(columns_BC, at), mask) for at, mask in places]
        with emitter.loop(top, emitter.least(emitter.plus(top, TILE), matrix.R)) as row:
            start = emitter.at(matrix.W_RC, emitter.times(row, matrix.C))
            here = [(emitter.at(start, at), mask) for at, mask in columns]
            for pointer, _ in here:
                emitter.fetch(emitter.at(pointer, emitter.times(TILE, matrix.C)))
            old = [emitter.load(pointer, mask) for pointer, mask in here]
            steps: list[Value | None] = [None] * len(here)
            for b in range(batch):
                mine = emitter.spread(emitter.at(rows_BR, emitter.times(b, matrix.R), row))
                for n, weight in enumerate(old):
                    if sums:
                        emitter.accumulate(sums[b * len(here) + n], mine, weight)
                    if held:
                        steps[n] = emitter.multiply_add(mine, held[b * len(here) + n], steps[n])
            for (pointer, mask), weight, step in zip(here, old, steps, strict=True):
                if step is not None:
                    emitter.store(emitter.add(weight, step), pointer, mask)
        for (at, mask), total in zip(places, sums, strict=False):
            out = emitter.at(out_BC, at)
            emitter.store(emitter.add(emitter.load(out, mask), emitter.content(total)), out, mask)

    both = columns_BC is not None and out_BC is not None
    together = 1 if both or emitter.lanes in FEW_REGISTERS else 2
    with emitter.loop(0, matrix.R, TILE) as top:
        emitter.each_panel(matrix.C, together, partial(panel, top))


def across(
    emitter: Emitter,
    batch: int,
    matrix: Matrix,
    columns_BC: Value,
    *,
    rows_BR: Value | None = None,
    out_BR: Value | None = None,
) -> None:
    """Sweep row by row. `rows_BR` asks for the update, `out_BR` for out += columns W'."""

    def some(first: Value, count: int) -> None:
        rows = [emitter.plus(first, n) for n in range(count)]
        starts = [emitter.at(matrix.W_RC, emitter.times(row, matrix.C)) for row in rows]
        pairs = [(n, b) for n in range(count) for b in range(batch)]
        places = {(n, b): emitter.plus(emitter.times(b, matrix.R), rows[n]) for n, b in pairs}
        sums, held = {}, {}
        if out_BR is not None:
            sums = {pair: emitter.accumulator() for pair in pairs}
        if rows_BR is not None:
            held = {pair: emitter.spread(emitter.at(rows_BR, places[pair])) for pair in pairs}

        def vectors(column: Value, mask: Value | None) -> None:
            here = [emitter.at(start, column) for start in starts]
            for pointer in here:
                emitter.fetch(emitter.at(pointer, AHEAD))
            old = [emitter.load(pointer, mask) for pointer in here]
            steps: list[Value | None] = [None] * count
            for b in range(batch):
                mine = emitter.load(
                    emitter.at(columns_BC, emitter.times(b, matrix.C), column), mask
                )
                for n in range(count):
                    if sums:
                        emitter.accumulate(sums[n, b], mine, old[n])
                    if held:
                        steps[n] = emitter.multiply_add(mine, held[n, b], steps[n])
            for pointer, weight, step in zip(here, old, steps, strict=True):
                if step is not None:
                    emitter.store(emitter.add(weight, step), pointer, mask)

        emitter.each_vector(matrix.C, vectors)
        for pair, total in sums.items():
            emitter.add_lanes_to(emitter.at(out_BR, places[pair]), emitter.content(total))

    together = 1 if rows_BR is not None or emitter.lanes in FEW_REGISTERS else 2
    paired = emitter.multiple(matrix.R, together)
    with emitter.loop(0, paired, together) as row:
        some(row, together)
    if together > 1:
        with emitter.loop(paired, matrix.R) as row:
            some(row, 1)
