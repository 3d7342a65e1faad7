"""Triton kernels: a layer forward, backward with its update, the softmax. All in IEEE float32.

The traffic of the weights bounds training on a GPU: forward reads each weight once, backward reads
and writes it once, where separate products for gradient and update read it twice. A tile of weights
is loaded into registers and multiplied with the B rows of the mini-batch one by one: padding them
to 16 for a matrix unit would lose precision and waste a third of the work.

A program owns a strip of the layer's outputs (forward) or inputs (backward) and loops over the
other dimension, so that each sum has one order, without atomics. The result of network k depends
neither on K nor on k.

Shapes are compile-time constants, so that the compiler knows the alignment. Pointers are named
after their tensors; suffixes as in linear.py, with C classes. TRANSPOSED: the weights lie in memory
as [O, I], as those of a tied decoder do.
"""

import triton
import triton.language as tl


@triton.jit
def _log1p(x):
    """Return log(1 + x): the rounding of 1 + x cancels between the logarithm and the divisor."""
    u = 1 + x
    return tl.where(u == 1, x, tl.log(u) * (x / tl.where(u == 1, 1.0, u - 1)))


@triton.jit
def _expm1(x):
    """Return exp(x) - 1 for x <= 0: the rounding of exp(x) cancels as in `_log1p`."""
    u = tl.exp(x)
    end = (u == 1) | (u == 0)
    inside = (u - 1) * (x / tl.log(tl.where(end, 2.0, u)))
    return tl.where(end, tl.where(u == 1, x, -1.0), inside)


@triton.jit
def _unit(z, hardness, FUNCTION: tl.constexpr):
    """Return f(z); NaN stays NaN, so that divergence is detected."""
    if FUNCTION == "rectifier":
        h = tl.where(z < 0, 0.0, z)
    elif FUNCTION == "tanh":
        e = _expm1(-2 * tl.abs(z))
        h = tl.where(z < 0, e, -e) / (2 + e)
    elif FUNCTION == "softplus":
        h = tl.where(z < 0, 0.0, z) + _log1p(tl.exp(-tl.abs(hardness * z))) / hardness
    else:
        h = z
    return h


@triton.jit
def _slope(h, hardness, FUNCTION: tl.constexpr):
    """Return f'(z), computed from h = f(z)."""
    if FUNCTION == "rectifier":
        slope = tl.where(h > 0, 1.0, 0.0)
    elif FUNCTION == "tanh":
        slope = 1 - h * h
    else:  # softplus
        slope = -_expm1(-hardness * h)
    return slope


@triton.jit
def _strip(ROWS: tl.constexpr, ACROSS: tl.constexpr, LOOP: tl.constexpr, GROUP: tl.constexpr):
    """Return the offsets of a tile: along the owned dimension, and along the loop, as [:, :].

    A thread sums GROUP weights of the loop before it adds them to its accumulator. ACROSS: the
    loop runs along rows of memory, so that these weights are one vector.
    """
    if ACROSS:
        own = tl.arange(0, ROWS)[:, None, None]
        steps = tl.arange(0, LOOP // GROUP)[:, None] * GROUP + tl.arange(0, GROUP)[None, :]
    else:
        own = tl.arange(0, ROWS)[None, None, :]
        steps = (
            tl.arange(0, GROUP)[:, None] * (LOOP // GROUP) + tl.arange(0, LOOP // GROUP)[None, :]
        )
    return own, steps


@triton.jit
def _zeros(ROWS: tl.constexpr, ACROSS: tl.constexpr, LOOP: tl.constexpr, GROUP: tl.constexpr):
    if ACROSS:
        zeros = tl.zeros([ROWS, LOOP // GROUP], tl.float32)
    else:
        zeros = tl.zeros([LOOP // GROUP, ROWS], tl.float32)
    return zeros


@triton.jit
def _spread(values, ACROSS: tl.constexpr):
    """Return values that are constant along the owned dimension, in the shape of a tile."""
    return values[None, :, :] if ACROSS else values[:, :, None]


@triton.jit
def forward(
    x_KBI, W_KIO, b_K1O, h_KBO, signs_K1O, hardness_K11,
    B: tl.constexpr, I: tl.constexpr, O: tl.constexpr, TRANSPOSED: tl.constexpr,
    FUNCTION: tl.constexpr, NEGATED: tl.constexpr,
    OWN: tl.constexpr, LOOP: tl.constexpr, GROUP: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Write f(b + x W) * signs."""
    k = tl.program_id(1).to(tl.int64)
    W_IO = W_KIO + k * I * O
    first = tl.program_id(0) * OWN
    own, steps = _strip(OWN, TRANSPOSED, LOOP, GROUP)
    o = first + own
    sums = (_zeros(OWN, TRANSPOSED, LOOP, GROUP),) * B
    for start in tl.range(0, I, LOOP, num_stages=STAGES):
        row = start + steps
        i = _spread(row, TRANSPOSED)
        place = o * I + i if TRANSPOSED else i * O + o
        w = tl.load(W_IO + place, mask=(o < O) & (i < I), other=0.0)
        added = ()
        for b in tl.static_range(B):
            x = tl.load(x_KBI + (k * B + b) * I + row, mask=row < I, other=0.0)
            part = tl.sum(w * _spread(x, TRANSPOSED), 2 if TRANSPOSED else 0)
            added = added + (sums[b] + part,)
        sums = added
    o = first + tl.arange(0, OWN)
    bias = tl.load(b_K1O + k * O + o, mask=o < O, other=0.0)
    hardness = tl.load(hardness_K11 + k)
    for b in tl.static_range(B):
        z = bias + tl.sum(sums[b], 1 if TRANSPOSED else 0)
        h = _unit(z, hardness, FUNCTION)
        if NEGATED:
            h *= tl.load(signs_K1O + k * O + o, mask=o < O, other=0.0)
        tl.store(h_KBO + (k * B + b) * O + o, h, mask=o < O)


@triton.jit
def backward_and_update(
    x_KBI, W_KIO, b_K1O, delta_KBO, below_KBI, signs_K1I, hardness_K11, l1_K11,
    B: tl.constexpr, I: tl.constexpr, O: tl.constexpr, TRANSPOSED: tl.constexpr,
    BELOW: tl.constexpr, FUNCTION: tl.constexpr, NEGATED: tl.constexpr, PENALIZED: tl.constexpr,
    OWN: tl.constexpr, LOOP: tl.constexpr, GROUP: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Add x' delta to the weights and the sum of delta to the biases.

    BELOW: also write delta W', computed from the weights before their update. FUNCTION: the inputs
    x are outputs of such units, and the gradient at their linear outputs is written.
    """
    k = tl.program_id(1).to(tl.int64)
    W_IO = W_KIO + k * I * O
    first = tl.program_id(0) * OWN
    own, steps = _strip(OWN, not TRANSPOSED, LOOP, GROUP)
    i, column = first + own, first + tl.arange(0, OWN)
    rows = ()
    for b in tl.static_range(B):
        rows = rows + (tl.load(x_KBI + (k * B + b) * I + column, mask=column < I, other=0.0),)
    sums = (_zeros(OWN, not TRANSPOSED, LOOP, GROUP),) * B
    for start in tl.range(0, O, LOOP, num_stages=STAGES):
        o = _spread(start + steps, not TRANSPOSED)
        place = o * I + i if TRANSPOSED else i * O + o
        w = tl.load(W_IO + place, mask=(i < I) & (o < O), other=0.0)
        moved, added = w, ()
        for b in tl.static_range(B):
            step = start + steps
            delta = tl.load(delta_KBO + (k * B + b) * O + step, mask=step < O, other=0.0)
            delta = _spread(delta, not TRANSPOSED)
            if BELOW:
                added = added + (sums[b] + tl.sum(w * delta, 0 if TRANSPOSED else 2),)
            moved += delta * (rows[b][None, None, :] if TRANSPOSED else rows[b][:, None, None])
        if BELOW:
            sums = added
        tl.store(W_IO + place, moved, mask=(i < I) & (o < O))
    if BELOW:
        hardness, l1 = tl.load(hardness_K11 + k), tl.load(l1_K11 + k)
        signs = tl.full([OWN], 1.0, tl.float32)
        if NEGATED:
            signs = tl.load(signs_K1I + k * I + column, mask=column < I, other=0.0)
        for b in tl.static_range(B):
            below = tl.sum(sums[b], 0 if TRANSPOSED else 1)
            if FUNCTION != "":
                h = rows[b] * signs  # f(z) without its sign: f'(z) is computed from f(z)
                below *= signs
                if PENALIZED:
                    below += tl.where(h > 0, l1, tl.where(h < 0, -l1, 0.0))
                below *= _slope(h, hardness, FUNCTION)
            tl.store(below_KBI + (k * B + b) * I + column, below, mask=column < I)
    # There are at least as many programs as strips of biases: each program updates one strip.
    bias = tl.load(b_K1O + k * O + column, mask=column < O, other=0.0)
    step = tl.zeros([OWN], tl.float32)
    for b in tl.static_range(B):
        step += tl.load(delta_KBO + (k * B + b) * O + column, mask=column < O, other=0.0)
    tl.store(b_K1O + k * O + column, bias + step, mask=column < O)


@triton.jit
def softmax_delta(
    scores_KBC, y_KB, rate_K11, delta_KBC, cost_K,
    B: tl.constexpr, C: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write the scaled gradient of -log P(y) at the softmax inputs, and its mean over the rows."""
    k = tl.program_id(0).to(tl.int64)
    row, column = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    place = (k * B + row[:, None]) * C + column[None, :]
    real = (row[:, None] < B) & (column[None, :] < C)
    score = tl.load(scores_KBC + place, mask=real, other=float("-inf"))
    score = tl.where(row[:, None] < B, score, 0.0)
    score -= tl.max(score, 1)[:, None]
    log_p = score - tl.log(tl.sum(tl.exp(score), 1))[:, None]
    y = tl.load(y_KB + k * B + row, mask=row < B, other=-1)
    is_y = column[None, :] == y[:, None]
    delta = (tl.exp(log_p) - tl.where(is_y, 1.0, 0.0)) * tl.load(rate_K11 + k)
    tl.store(delta_KBC + place, delta, mask=real)
    tl.store(cost_K + k, -tl.sum(tl.sum(tl.where(is_y, log_p, 0.0), 1), 0) / B)
