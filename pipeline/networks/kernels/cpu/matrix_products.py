"""Products of a mini-batch with a weight matrix, and the update of the matrix.

A step of SGD on a layer of 1,000 x 1,000 reads 4 MB of weights for 10 rows of inputs: its cost is
the traffic of the weights. `sweep_columns` and `sweep_rows` therefore read each weight W [R, C]
once, row by row, for all rows of the mini-batch, and for the input gradient and the update
together; sums stay in registers meanwhile. `rows` [B, R] holds a number for each row of W,
`columns` [B, C] for each column. A sweep may
- add products to `out`: rows W [B, C] (`sweep_columns`), or columns W' [B, R] (`sweep_rows`);
- update W += rows' columns, each weight after its use in the products.

`add_product` multiplies many rows by the weights, for evaluation, in blocks of some rows by some
vectors of columns: each loaded float serves several multiply-adds, which set the pace.

Legend of shape suffixes: B rows of a mini-batch, N rows of inputs, R rows of W, C its columns.
"""

from dataclasses import dataclass
from functools import partial

from pipeline.networks.kernels.cpu.emitter import Columns, Emitter, Value

SWEEP_TILE = 64  # rows of W between two writes of the sums; one tile fits the second-level cache
PREFETCH_DISTANCE = 2000  # floats
# Processors whose registers hold 8 floats have 16 registers: enough for the sums and factors of one
# vector of columns, or of one row. Others have 32: enough for two, but not for sums and factors.
FEW_REGISTERS = {8}
PRODUCT_TILE = 256  # rows of W whose products are summed before they are added to the output
BLOCK_VECTORS = 3  # of columns
BLOCK_ROWS = {4: 8, 8: 4, 16: 8}  # by the floats of a register: 32, 16 and 32 registers


@dataclass(frozen=True)
class Matrix:
    """A weight matrix in memory."""

    W_RC: Value
    R: Value
    C: Value


def sweep_columns(
    emitter: Emitter,
    batch: int,
    matrix: Matrix,
    rows_BR: Value,
    *,
    columns_BC: Value | None = None,
    out_BC: Value | None = None,
) -> None:
    """Sweep W in panels of one or two vectors of columns.

    Updates W if `columns_BC` is given; adds rows W to `out_BC` if given.
    """

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
        with emitter.loop(top, emitter.minimum(emitter.plus(top, SWEEP_TILE), matrix.R)) as row:
            start = emitter.at(matrix.W_RC, emitter.times(row, matrix.C))
            here = [(emitter.at(start, at), mask) for at, mask in columns]
            for pointer, _ in here:
                emitter.prefetch(emitter.at(pointer, emitter.times(SWEEP_TILE, matrix.C)))
            old = [emitter.load(pointer, mask) for pointer, mask in here]
            steps: list[Value | None] = [None] * len(here)
            for b in range(batch):
                factor = emitter.broadcast(emitter.at(rows_BR, emitter.times(b, matrix.R), row))
                for n, weight in enumerate(old):
                    if sums:
                        emitter.accumulate(sums[b * len(here) + n], factor, weight)
                    if held:
                        steps[n] = emitter.multiply_add(factor, held[b * len(here) + n], steps[n])
            for (pointer, mask), weight, step in zip(here, old, steps, strict=True):
                if step is not None:
                    emitter.store(emitter.add(weight, step), pointer, mask)
        for (at, mask), total in zip(places, sums, strict=False):
            out = emitter.at(out_BC, at)
            emitter.store(emitter.add(emitter.load(out, mask), emitter.content(total)), out, mask)

    both = columns_BC is not None and out_BC is not None
    together = 1 if both or emitter.lanes in FEW_REGISTERS else 2
    with emitter.loop(0, matrix.R, SWEEP_TILE) as top:
        emitter.for_panels(matrix.C, together, partial(panel, top))


def sweep_rows(
    emitter: Emitter,
    batch: int,
    matrix: Matrix,
    columns_BC: Value,
    *,
    rows_BR: Value | None = None,
    out_BR: Value | None = None,
) -> None:
    """Sweep W row by row.

    Updates W if `rows_BR` is given; adds columns W' to `out_BR` if given.
    """

    def some(first: Value, count: int) -> None:
        rows = [emitter.plus(first, n) for n in range(count)]
        starts = [emitter.at(matrix.W_RC, emitter.times(row, matrix.C)) for row in rows]
        pairs = [(n, b) for n in range(count) for b in range(batch)]
        places = {(n, b): emitter.plus(emitter.times(b, matrix.R), rows[n]) for n, b in pairs}
        sums, held = {}, {}
        if out_BR is not None:
            sums = {pair: emitter.accumulator() for pair in pairs}
        if rows_BR is not None:
            held = {pair: emitter.broadcast(emitter.at(rows_BR, places[pair])) for pair in pairs}

        def vectors(column: Value, mask: Value | None) -> None:
            here = [emitter.at(start, column) for start in starts]
            for pointer in here:
                emitter.prefetch(emitter.at(pointer, PREFETCH_DISTANCE))
            old = [emitter.load(pointer, mask) for pointer in here]
            steps: list[Value | None] = [None] * count
            for b in range(batch):
                factor = emitter.load(
                    emitter.at(columns_BC, emitter.times(b, matrix.C), column), mask
                )
                for n in range(count):
                    if sums:
                        emitter.accumulate(sums[n, b], factor, old[n])
                    if held:
                        steps[n] = emitter.multiply_add(factor, held[n, b], steps[n])
            for pointer, weight, step in zip(here, old, steps, strict=True):
                if step is not None:
                    emitter.store(emitter.add(weight, step), pointer, mask)

        emitter.for_vectors(matrix.C, vectors)
        for pair, total in sums.items():
            emitter.add_lanes_to(emitter.at(out_BR, places[pair]), emitter.content(total))

    together = 1 if rows_BR is not None or emitter.lanes in FEW_REGISTERS else 2
    paired = emitter.multiple(matrix.R, together)
    with emitter.loop(0, paired, together) as row:
        some(row, together)
    if together > 1:
        with emitter.loop(paired, matrix.R) as row:
            some(row, 1)


def add_product(emitter: Emitter, count: Value, matrix: Matrix, x_NR: Value, out_NC: Value) -> None:
    """Emit out += x W, for `count` rows."""
    rows = BLOCK_ROWS[emitter.lanes]
    together = emitter.multiple(count, rows)

    def panel(columns: Columns) -> None:
        with emitter.loop(0, matrix.R, PRODUCT_TILE) as top:
            with emitter.loop(0, together, rows) as row:
                block(row, rows, top, columns)
            with emitter.loop(together, count) as row:
                block(row, 1, top, columns)

    def block(first: Value, count: int, top: Value, columns: Columns) -> None:
        rows = [emitter.plus(first, n) for n in range(count)]
        inputs = [emitter.at(x_NR, emitter.times(row, matrix.R)) for row in rows]
        sums = [[emitter.accumulator() for _ in columns] for _ in rows]
        bottom = emitter.minimum(emitter.plus(top, PRODUCT_TILE), matrix.R)
        with emitter.loop(top, bottom) as r:
            weights = [
                emitter.load(emitter.at(matrix.W_RC, emitter.times(r, matrix.C), at), mask)
                for at, mask in columns
            ]
            for x_R, row_sums in zip(inputs, sums, strict=True):
                x = emitter.broadcast(emitter.at(x_R, r))
                for total, weight in zip(row_sums, weights, strict=True):
                    emitter.accumulate(total, x, weight)
        for row, row_sums in zip(rows, sums, strict=True):
            for total, (at, mask) in zip(row_sums, columns, strict=True):
                out = emitter.at(out_NC, emitter.times(row, matrix.C), at)
                before = emitter.load(out, mask)
                emitter.store(emitter.add(before, emitter.content(total)), out, mask)

    emitter.for_panels(matrix.C, BLOCK_VECTORS, panel)
