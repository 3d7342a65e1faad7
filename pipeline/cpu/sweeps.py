"""One sweep over a weight matrix: products with it and its update, each weight read only once.

A step of SGD on a layer of 1,000 x 1,000 reads 4 MB of weights for 10 rows of inputs: what it costs
is the way of the weights from memory and back, unless they are read once for all ten rows, and for
the input gradient and the update together. Sums are held in registers meanwhile.

Every sweep is a function of six arguments: the weights W [R, C], row by row; `rows` [B, R], a
number for each row of W; `columns` [B, C]; `out`; R; C. It may
- add products to `out`: down the columns, rows W [B, C], or across the rows, columns W' [B, R];
- update W += rows' columns, a weight after it has served for the products.

Legend of shape suffixes: B rows of a mini-batch, R rows of W, C its columns.
"""

from pipeline.cpu.emitter import Emitter, Value

TILE = 64  # rows of W between two writes of the sums; one tile fits the second-level cache
AHEAD = 2000  # floats from those in use to those that are fetched
ARGUMENTS = (4, 2)  # pointers, integers


def down(batch: int, lanes: int, *, products: bool, update: bool) -> Emitter:
    """Return the sweep in panels of one vector of columns: out [B, C] += rows W."""
    emitter = Emitter("down", *ARGUMENTS, lanes=lanes)
    R, C = emitter.arguments[4:]
    whole = emitter.multiple(C, lanes)
    with emitter.loop(0, R, TILE) as top:
        with emitter.loop(0, whole, lanes) as column:
            _panel(emitter, batch, top, column, None, products=products, update=update)
        with emitter.loop(whole, C, lanes) as column:
            mask = emitter.first(emitter.minus(C, whole))
            _panel(emitter, batch, top, column, mask, products=products, update=update)
    return emitter


def _panel(
    emitter: Emitter,
    batch: int,
    top: Value,
    column: Value,
    mask: Value | None,
    *,
    products: bool,
    update: bool,
) -> None:
    """Emit one tile's rows of one vector of columns."""
    W_RC, rows_BR, columns_BC, out_BC, R, C = emitter.arguments
    places = [emitter.plus(emitter.times(b, C), column) for b in range(batch)]
    sums = [emitter.accumulator() for _ in places] if products else []
    held = [emitter.load(emitter.at(columns_BC, at), mask) for at in places] if update else []
    with emitter.loop(top, emitter.least(emitter.plus(top, TILE), R)) as row:
        here = emitter.at(W_RC, emitter.times(row, C), column)
        emitter.fetch(emitter.at(here, emitter.times(TILE, C)))
        old, step = emitter.load(here, mask), None
        for b in range(batch):
            mine = emitter.spread(emitter.at(rows_BR, emitter.times(b, R), row))
            if products:
                emitter.accumulate(sums[b], mine, old)
            if update:
                step = emitter.multiply_add(mine, held[b], step)
        if step is not None:
            emitter.store(emitter.add(old, step), here, mask)
    for at, total in zip(places, sums, strict=False):
        out = emitter.at(out_BC, at)
        emitter.store(emitter.add(emitter.load(out, mask), emitter.content(total)), out, mask)


def across(batch: int, lanes: int, *, products: bool, update: bool) -> Emitter:
    """Return the sweep row by row: out [B, R] += columns W'."""
    emitter = Emitter("across", *ARGUMENTS, lanes=lanes)
    R = emitter.arguments[4]
    together = 1 if update else 2  # rows: as many as the sums and factors leave registers for
    paired = emitter.multiple(R, together)
    with emitter.loop(0, paired, together) as row:
        _rows(emitter, batch, row, together, products=products, update=update)
    if together > 1:
        with emitter.loop(paired, R) as row:
            _rows(emitter, batch, row, 1, products=products, update=update)
    return emitter


def _rows(
    emitter: Emitter, batch: int, first: Value, count: int, *, products: bool, update: bool
) -> None:
    """Emit `count` rows of W from row `first` on."""
    W_RC, rows_BR, columns_BC, out_BR, R, C = emitter.arguments
    rows = [emitter.plus(first, n) for n in range(count)]
    starts = [emitter.at(W_RC, emitter.times(row, C)) for row in rows]
    pairs = [(n, b) for n in range(count) for b in range(batch)]
    places = {(n, b): emitter.plus(emitter.times(b, R), rows[n]) for n, b in pairs}
    sums = {pair: emitter.accumulator() for pair in pairs} if products else {}
    held = {pair: emitter.spread(emitter.at(rows_BR, places[pair])) for pair in pairs * update}

    def vectors(column: Value, mask: Value | None) -> None:
        here = [emitter.at(start, column) for start in starts]
        for pointer in here:
            emitter.fetch(emitter.at(pointer, AHEAD))
        old = [emitter.load(pointer, mask) for pointer in here]
        steps: list[Value | None] = [None] * count
        for b in range(batch):
            mine = emitter.load(emitter.at(columns_BC, emitter.times(b, C), column), mask)
            for n in range(count):
                if products:
                    emitter.accumulate(sums[n, b], mine, old[n])
                if update:
                    steps[n] = emitter.multiply_add(mine, held[n, b], steps[n])
        for pointer, weight, step in zip(here, old, steps, strict=True):
            if step is not None:
                emitter.store(emitter.add(weight, step), pointer, mask)

    whole = emitter.multiple(C, emitter.lanes)
    with emitter.loop(0, whole, emitter.lanes) as column:
        vectors(column, None)
    with emitter.loop(whole, C, emitter.lanes) as column:
        vectors(column, emitter.first(emitter.minus(C, whole)))
    for pair, total in sums.items():
        emitter.add_lanes_to(emitter.at(out_BR, places[pair]), emitter.content(total))


SWEEPS = {"down": down, "across": across}
