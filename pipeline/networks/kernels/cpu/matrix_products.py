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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.networks.arithmetic.emitter import SUM_LANES, Columns, Emitter, Index, Value

SWEEP_TILE = 64  # rows of W between two writes of the sums; one tile fits the second-level cache
PREFETCH_DISTANCE = 2000  # floats
# Processors whose registers hold 8 floats have 16 registers, too few for the sums and the factors
# of a whole mini-batch: they pass over a tile once for each few rows of the mini-batch, and once
# more for the update. Order and rounding of all sums are the same.
FEW_REGISTERS = {8}
FEW_ROWS = {"columns": 5, "rows": 2}  # of the mini-batch together, in `sweep_columns`, `sweep_rows`
DOT_TILE, DOT_ROWS = 24, 3  # rows of W in a tile of `sweep_rows`, and those multiplied together
PRODUCT_TILE = 256  # rows of W whose products are summed before they are added to the output
BLOCK_VECTORS = 3  # of columns
BLOCK_ROWS = {4: 8, 8: 4, 16: 8}  # by the floats of a register: 32, 16 and 32 registers


@dataclass(frozen=True)
class Matrix:
    """A weight matrix in memory, a window of it, or R of its rows, whose indices are `places_R`.

    A row of `rows` [B, R] starts `rows_step` floats after the one before, a row of W or of
    `columns` [B, C] `columns_step`: R and C, except in a window, where they are those of the whole.
    """

    W_RC: Value
    R: Value
    C: Value
    places_R: Value | None = None
    whole_R: Value | None = None
    whole_C: Value | None = None

    @property
    def rows_step(self) -> Value:
        """Floats from a row of `rows` to the next."""
        return self.R if self.whole_R is None else self.whole_R

    @property
    def columns_step(self) -> Value:
        """Floats from a row of W, or of `columns`, to the next."""
        return self.C if self.whole_C is None else self.whole_C

    def start(self, emitter: Emitter, row: Index, ahead: int = 0) -> Value:
        """Return the pointer to the row that is `ahead` rows after a row.

        Beyond the last row it is the last one's where rows have indices, else outside the matrix.
        """
        row = emitter.plus(row, ahead) if ahead else row
        if self.places_R is not None:
            row = emitter.minimum(row, emitter.minus(self.R, 1)) if ahead else row
            row = emitter.integer(self.places_R, row)
        return emitter.at(self.W_RC, emitter.times(row, self.columns_step))


def sweep_columns(
    emitter: Emitter,
    batch: int,
    matrix: Matrix,
    rows_BR: Value,
    *,
    columns_BC: Value | None = None,
    out_BC: Value | None = None,
    tile: Value | None = None,
) -> None:
    """Sweep W in panels of one or two vectors of columns.

    Updates W if `columns_BC` is given; adds rows W to `out_BC` if given. With `tile` it sweeps only
    the `SWEEP_TILE` rows from this one on.
    """
    everything, few = range(batch), emitter.lanes in FEW_REGISTERS
    both = columns_BC is not None and out_BC is not None
    panel = partial(_column_panel, emitter, matrix, rows_BR)
    first, end = (0, matrix.R) if tile is None else (tile, tile_end(emitter, matrix, tile))
    with emitter.loop(first, end, SWEEP_TILE) as top:
        bottom = tile_end(emitter, matrix, top)
        if not few:
            act = partial(panel, top, bottom, everything, columns_BC=columns_BC, out_BC=out_BC)
            emitter.for_panels(matrix.C, 1 if both else 2, act)
        if few and out_BC is not None:

            def sums(columns: Columns) -> None:
                act = partial(panel, top, bottom, columns=columns, out_BC=out_BC)
                _for_parts(emitter, batch, FEW_ROWS["columns"], act)

            emitter.for_panels(matrix.C, 2, sums)
        if few and columns_BC is not None:
            act = partial(panel, top, bottom, everything, columns_BC=columns_BC)
            emitter.for_panels(matrix.C, 1, act)


def sweep_rows(
    emitter: Emitter,
    batch: int,
    matrix: Matrix,
    columns_BC: Value,
    *,
    rows_BR: Value | None = None,
    out_BR: Value | None = None,
    tile: Value | None = None,
) -> None:
    """Sweep W row by row.

    Updates W if `rows_BR` is given; adds columns W' to `out_BR` if given. With `tile` it sweeps
    only the `SWEEP_TILE` rows from this one on.
    """
    first, end = (0, matrix.R) if tile is None else (tile, tile_end(emitter, matrix, tile))
    everything = range(batch)
    block = partial(_row_block, emitter, matrix, columns_BC)
    if emitter.lanes not in FEW_REGISTERS:
        act = partial(block, everything, rows_BR=rows_BR, out_BR=out_BR)
        _for_rows(emitter, first, end, 1 if rows_BR is not None else 2, act)
        return

    def sums(first: Value, count: int) -> None:
        act = partial(block, first=first, count=count, out_BR=out_BR)
        _for_parts(emitter, batch, FEW_ROWS["rows"], act)

    with emitter.loop(first, end, DOT_TILE) as top:
        bottom = emitter.minimum(emitter.plus(top, DOT_TILE), end)
        if out_BR is not None:
            _for_rows(emitter, top, bottom, DOT_ROWS, sums)
        if rows_BR is not None:
            panel = partial(_column_panel, emitter, matrix, rows_BR, top, bottom, everything)
            emitter.for_panels(matrix.C, 1, partial(panel, columns_BC=columns_BC))


def tile_end(emitter: Emitter, matrix: Matrix, top: Value) -> Value:
    """Return the end of the tile of W whose first row is `top`."""
    return emitter.minimum(emitter.plus(top, SWEEP_TILE), matrix.R)


def _column_panel(
    emitter: Emitter,
    matrix: Matrix,
    rows_BR: Value,
    top: Value,
    bottom: Value,
    some: Sequence[Index],
    columns: Columns,
    *,
    columns_BC: Value | None = None,
    out_BC: Value | None = None,
) -> None:
    """Sweep a panel of columns of a tile, for some rows of the mini-batch."""
    width = len(columns)
    places = [
        (emitter.plus(emitter.times(b, matrix.columns_step), at), mask)
        for b in some
        for at, mask in columns
    ]
    sums, held = [], []
    if out_BC is not None:
        sums = [emitter.accumulator() for _ in places]
    if columns_BC is not None:
        held = [emitter.load(emitter.at(columns_BC, at), mask) for at, mask in places]
    with emitter.loop(top, bottom) as row:
        start, next_tile = (matrix.start(emitter, row, ahead) for ahead in (0, SWEEP_TILE))
        here = [(emitter.at(start, at), mask) for at, mask in columns]
        for at, _ in columns:
            emitter.prefetch(emitter.at(next_tile, at))
        old = [emitter.load(pointer, mask) for pointer, mask in here]
        steps: list[Value | None] = [None] * width
        for n, b in enumerate(some):
            factor = emitter.broadcast(emitter.at(rows_BR, emitter.times(b, matrix.rows_step), row))
            for v, weight in enumerate(old):
                if sums:
                    emitter.accumulate(sums[n * width + v], factor, weight)
                if held:
                    steps[v] = emitter.multiply_add(factor, held[n * width + v], steps[v])
        for (pointer, mask), weight, step in zip(here, old, steps, strict=True):
            if step is not None:
                emitter.store(emitter.add(weight, step), pointer, mask)
    for (at, mask), total in zip(places, sums, strict=False):
        out = emitter.at(out_BC, at)
        emitter.store(emitter.add(emitter.load(out, mask), emitter.content(total)), out, mask)


def _row_block(
    emitter: Emitter,
    matrix: Matrix,
    columns_BC: Value,
    some: Sequence[Index],
    first: Value,
    count: int,
    *,
    rows_BR: Value | None = None,
    out_BR: Value | None = None,
) -> None:
    """Sweep `count` rows from `first` on, for some rows of the mini-batch."""
    rows = [emitter.plus(first, n) for n in range(count)]
    starts = [matrix.start(emitter, row) for row in rows]
    pairs = [(n, m) for n in range(count) for m in range(len(some))]
    places = {
        (n, m): emitter.plus(emitter.times(some[m], matrix.rows_step), rows[n]) for n, m in pairs
    }
    parts = SUM_LANES // emitter.lanes
    sums: dict[tuple[int, int], list[Value]] = {}
    held = {}
    if out_BR is not None:
        sums = {pair: [emitter.accumulator() for _ in range(parts)] for pair in pairs}
    if rows_BR is not None:
        held = {pair: emitter.broadcast(emitter.at(rows_BR, places[pair])) for pair in pairs}

    def vectors(columns: Columns) -> None:
        for part, (column, mask) in enumerate(columns):
            here = [emitter.at(start, column) for start in starts]
            for pointer in here:
                emitter.prefetch(emitter.at(pointer, PREFETCH_DISTANCE))
            old = [emitter.load(pointer, mask) for pointer in here]
            steps: list[Value | None] = [None] * count
            for m, b in enumerate(some):
                at = emitter.plus(emitter.times(b, matrix.columns_step), column)
                factor = emitter.load(emitter.at(columns_BC, at), mask)
                for n in range(count):
                    if sums:
                        emitter.accumulate(sums[n, m][part], factor, old[n])
                    if held:
                        steps[n] = emitter.multiply_add(factor, held[n, m], steps[n])
            for pointer, weight, step in zip(here, old, steps, strict=True):
                if step is not None:
                    emitter.store(emitter.add(weight, step), pointer, mask)

    emitter.for_sums(matrix.C, vectors)
    for pair, total in sums.items():
        contents = [emitter.content(part) for part in total]
        emitter.add_first_to(
            emitter.at(out_BR, places[pair]), emitter.folded(contents, emitter.add)
        )


def _for_rows(
    emitter: Emitter, top: Index, bottom: Value, count: int, act: Callable[[Value, int], None]
) -> None:
    """Emit `act(first row, number of rows)` for all rows, `count` of them together."""
    whole = emitter.minus(bottom, emitter.remainder(emitter.minus(bottom, top), count))
    with emitter.loop(top, whole, count) as row:
        act(row, count)
    if count > 1:
        with emitter.loop(whole, bottom) as row:
            act(row, 1)


def _for_parts(
    emitter: Emitter, batch: int, size: int, act: Callable[[Sequence[Index]], None]
) -> None:
    """Emit `act` for parts of the mini-batch, of `size` rows and the last of fewer."""
    whole = batch - batch % size
    with emitter.loop(0, whole, size) as first:
        act([emitter.plus(first, n) for n in range(size)])
    if whole < batch:
        act(range(whole, batch))


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
        inputs = [emitter.at(x_NR, emitter.times(row, matrix.rows_step)) for row in rows]
        sums = [[emitter.accumulator() for _ in columns] for _ in rows]
        bottom = emitter.minimum(emitter.plus(top, PRODUCT_TILE), matrix.R)
        with emitter.loop(top, bottom) as r:
            weights = [
                emitter.load(emitter.at(matrix.start(emitter, r), at), mask) for at, mask in columns
            ]
            for x_R, row_sums in zip(inputs, sums, strict=True):
                x = emitter.broadcast(emitter.at(x_R, r))
                for total, weight in zip(row_sums, weights, strict=True):
                    emitter.accumulate(total, x, weight)
        for row, row_sums in zip(rows, sums, strict=True):
            for total, (at, mask) in zip(row_sums, columns, strict=True):
                out = emitter.at(out_NC, emitter.times(row, matrix.columns_step), at)
                before = emitter.load(out, mask)
                emitter.store(emitter.add(before, emitter.content(total)), out, mask)

    emitter.for_panels(matrix.C, BLOCK_VECTORS, panel)
