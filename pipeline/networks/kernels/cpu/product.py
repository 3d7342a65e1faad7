"""The product of many rows with a weight matrix, as evaluation takes it: in blocks of registers.

A block is some rows by some vectors of columns. Its sums stay in registers while it goes down a
tile of W; every float that is loaded serves several multiply-adds, so that these set the pace.

Legend of shape suffixes: N rows of inputs, R rows of W, C its columns.
"""

from pipeline.networks.kernels.cpu.emitter import Columns, Emitter, Value
from pipeline.networks.kernels.cpu.sweeps import Matrix

TILE = 256  # rows of W whose products are summed before they are added to the others
VECTORS = 3  # of columns in a block
ROWS = {4: 8, 8: 4, 16: 8}  # in a block, by the floats of a register: there are 32, 16 and 32


def add_product(emitter: Emitter, count: Value, matrix: Matrix, x_NR: Value, out_NC: Value) -> None:
    """Emit out += x W, for `count` rows."""
    rows = ROWS[emitter.lanes]
    together = emitter.multiple(count, rows)

    def panel(columns: Columns) -> None:
        with emitter.loop(0, matrix.R, TILE) as top:
            with emitter.loop(0, together, rows) as row:
                block(row, rows, top, columns)
            with emitter.loop(together, count) as row:
                block(row, 1, top, columns)

    def block(first: Value, count: int, top: Value, columns: Columns) -> None:
        rows = [emitter.plus(first, n) for n in range(count)]
        inputs = [emitter.at(x_NR, emitter.times(row, matrix.R)) for row in rows]
        sums = [[emitter.accumulator() for _ in columns] for _ in rows]
        bottom = emitter.least(emitter.plus(top, TILE), matrix.R)
        with emitter.loop(top, bottom) as r:
            weights = [
                emitter.load(emitter.at(matrix.W_RC, emitter.times(r, matrix.C), at), mask)
                for at, mask in columns
            ]
            for x_R, mine in zip(inputs, sums, strict=True):
                x = emitter.spread(emitter.at(x_R, r))
                for total, weight in zip(mine, weights, strict=True):
                    emitter.accumulate(total, x, weight)
        for row, mine in zip(rows, sums, strict=True):
            for total, (at, mask) in zip(mine, columns, strict=True):
                out = emitter.at(out_NC, emitter.times(row, matrix.C), at)
                before = emitter.load(out, mask)
                emitter.store(emitter.add(before, emitter.content(total)), out, mask)

    emitter.each_panel(matrix.C, VECTORS, panel)
