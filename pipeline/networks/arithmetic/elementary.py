"""Elementary functions in LLVM code: exp, expm1, log, log1p, tanh, erf, softplus, logistic.

Each is a fixed sequence of IEEE operations, so that every processor with fused multiply-adds
returns the same bits; libraries choose a version by processor. The argument is reduced to a small
interval, where a polynomial serves (Muller, Elementary Functions, 2016, chapter 11). Coefficients
are minimax fits, lowest order first. Errors, measured over all floats by
`pytest -m slow tests/test_elementary.py`, are below 2 units in the last place, and below 2.5 for
softplus and logistic.
"""

from collections.abc import Callable, Sequence

from pipeline.networks.arithmetic.emitter import Emitter, Value

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693145751953125, 1.428606820309417e-06  # an integer times the first is exact
ROUNDING = 1.5 * 2**23  # a float plus this has the nearest integer in its lowest bits
HALF_ROOT = 0x3F3504F3  # bits of the square root of 1/2
ONE, MANTISSA = 0x3F800000, 23  # bits of 1; number of bits after an exponent
TINIEST_NORMAL = 2.0**-126
# (exp(r) - 1 - r) / r^2, for |r| <= log(2) / 2
EXP = (
    0.5, 0.1666666567325592, 0.04166649281978607, 0.008333543315529823, 0.0013932380825281143,
    0.00019764414173550904,
)  # fmt: skip
# (log(1 + f) - f + f^2 / 2) / f^3, for 1 + f from sqrt(1/2) to sqrt(2)
LOG = (
    0.3333331346511841, -0.25000008940696716, 0.20002074539661407, -0.1666799932718277,
    0.14220279455184937, -0.12405912578105927, 0.11883892863988876, -0.11672525852918625,
    0.06751541793346405,
)  # fmt: skip
NEAR = 0.625  # below, tanh is a polynomial
# (tanh(x) / x - 1) / x^2 in powers of x^2, for |x| <= NEAR
TANH = (
    -0.3333333134651184, 0.13333220779895782, -0.05394818261265755, 0.02170693688094616,
    -0.008190169930458069, 0.0021528673823922873,
)  # fmt: skip
ERF_NEAR, ERF_END = 0.9, 4.0  # below, erf is a polynomial; from the end on it is 1
# (erf(x) / x - 1) in powers of x^2, for |x| <= ERF_NEAR
ERF = (
    0.12837915122509003, -0.3761250972747803, 0.11282000690698624, -0.02677370421588421,
    0.0050040497444570065, -0.0006048366776667535,
)  # fmt: skip
# -log(1 - erf(x)), for x from ERF_NEAR to ERF_END
LOG_ERFC = (
    -0.00016920546477194875, 1.1294883489608765, 0.633401095867157, 0.10821996629238129,
    -0.025080250576138496, 0.004156081937253475, -0.0004313520039431751, 2.0824689272558317e-05,
)  # fmt: skip


def exp(e: Emitter, x: Value) -> Value:
    """Return exp(x)."""
    n, r = _reduced(e, _between(e, x, -104, 89))  # outside exp is 0 or infinite, as at the bounds
    y = e.add(e.constant(1), _expm1_polynomial(e, r))
    half = e.shifted_right(n, 1)  # 2^n in two factors: neither 2^128 nor 2^-150 is a float
    return e.multiply(e.multiply(y, _power(e, half)), _power(e, e.minus_whole(n, half)))


def expm1(e: Emitter, x: Value) -> Value:
    """Return exp(x) - 1, exact to the last places near 0."""
    n, r = _reduced(e, _between(e, x, -18, 89))  # below, exp(x) - 1 is -1
    power = _power(e, e.minus_whole(n, e.whole(1)))  # half of 2^n, since 2^128 is no float
    y = e.multiply_add(power, _expm1_polynomial(e, r), e.subtract(power, e.constant(0.5)))
    return e.where(e.equal(x, e.zeros()), x, e.add(y, y))


def log(e: Emitter, x: Value) -> Value:
    """Return log(x): NaN below 0, minus infinity at 0."""
    return _log(e, x, x, None)


def log1p(e: Emitter, x: Value) -> Value:
    """Return log(1 + x), exact to the last places near 0: NaN below -1."""
    one = e.constant(1)
    u = e.add(one, x)
    part = e.subtract(u, one)
    lost = e.add(e.subtract(one, e.subtract(u, part)), e.subtract(x, part))  # 1 + x = u + lost
    return e.with_sign(_log(e, u, x, e.divide(lost, u)), x)


def tanh(e: Emitter, x: Value) -> Value:
    """Return tanh(x): a polynomial near 0, else 1 - 2 / (exp(2 |x|) + 1)."""
    size = e.absolute(x)
    square = e.multiply(x, x)
    near = e.multiply_add(e.multiply(_polynomial(e, square, TANH), square), x, x)
    two = e.constant(2)
    far = e.add(exp(e, _between(e, e.multiply(size, two), 0, 20)), e.constant(1))  # 1 from 20 on
    far = e.subtract(e.constant(1), e.divide(two, far))
    return e.with_sign(e.where(e.less(size, e.constant(NEAR)), near, far), x)


def erf(e: Emitter, x: Value) -> Value:
    """Return the error function of x: a polynomial near 0, else 1 - exp(polynomial)."""
    size = _between(e, e.absolute(x), 0, ERF_END)
    near = e.multiply_add(_polynomial(e, e.multiply(size, size), ERF), x, x)
    far = e.subtract(e.constant(1), exp(e, e.negative(_polynomial(e, size, LOG_ERFC))))
    return e.with_sign(e.where(e.less(size, e.constant(ERF_NEAR)), near, far), x)


def softplus(e: Emitter, x: Value) -> Value:
    """Return log(1 + exp(x))."""
    small = log1p(e, exp(e, e.negative(e.absolute(x))))
    return e.add(e.larger(x, e.zeros()), small)


def logistic(e: Emitter, x: Value) -> Value:
    """Return 1 / (1 + exp(-x))."""
    small = exp(e, e.negative(e.absolute(x)))
    return e.divide(
        e.where(e.less(x, e.zeros()), small, e.constant(1)), e.add(small, e.constant(1))
    )


FUNCTIONS: dict[str, Callable[[Emitter, Value], Value]] = {
    function.__name__: function
    for function in (exp, expm1, log, log1p, tanh, erf, softplus, logistic)
}


def _log(e: Emitter, u: Value, x: Value, correction: Value | None) -> Value:
    """Return log(u) + correction, and the limits of the function where the argument x has them."""
    tiny = e.less(u, e.constant(TINIEST_NORMAL))
    scaled = e.as_bits(e.where(tiny, e.multiply(u, e.constant(2.0**MANTISSA)), u))
    exponent = e.shifted_right(e.minus_whole(scaled, e.whole(HALF_ROOT)), MANTISSA)
    mantissa = e.from_bits(e.minus_whole(scaled, e.shifted_left(exponent, MANTISSA)))
    f, k = e.subtract(mantissa, e.constant(1)), e.as_float(exponent)
    k = e.where(tiny, e.subtract(k, e.constant(MANTISSA)), k)
    tail = e.multiply(e.multiply_add(f, _polynomial(e, f, LOG), e.constant(-0.5)), e.multiply(f, f))
    tail = e.multiply_add(k, e.constant(LN2_LOW), tail)
    if correction is not None:
        tail = e.add(tail, correction)
    y = e.multiply_add(k, e.constant(LN2_HIGH), e.add(f, tail))
    y = e.where(e.less(e.zeros(), u), y, e.constant(float("-inf")))
    y = e.where(e.less(u, e.zeros()), e.constant(float("nan")), y)
    return e.where(e.less(x, e.constant(float("inf"))), y, x)  # infinite, or NaN


def _between(e: Emitter, x: Value, low: float, high: float) -> Value:
    """Return x limited to [low, high]; NaN stays."""
    x = e.where(e.less(x, e.constant(low)), e.constant(low), x)
    return e.where(e.less(e.constant(high), x), e.constant(high), x)


def _reduced(e: Emitter, x: Value) -> tuple[Value, Value]:
    """Return the integer n next to x / log(2), and r = x - n log(2)."""
    shifted = e.multiply_add(x, e.constant(LOG2_E), e.constant(ROUNDING))
    n = e.subtract(shifted, e.constant(ROUNDING))
    r = e.multiply_add(n, e.constant(-LN2_HIGH), x)
    r = e.multiply_add(n, e.constant(-LN2_LOW), r)
    return e.minus_whole(e.as_bits(shifted), e.as_bits(e.constant(ROUNDING))), r


def _expm1_polynomial(e: Emitter, r: Value) -> Value:
    """Return exp(r) - 1, for |r| <= log(2) / 2."""
    return e.multiply_add(_polynomial(e, r, EXP), e.multiply(r, r), r)


def _power(e: Emitter, n: Value) -> Value:
    """Return 2^n, n from -126 to 127."""
    return e.from_bits(e.plus_whole(e.shifted_left(n, MANTISSA), e.whole(ONE)))


def _polynomial(e: Emitter, x: Value, coefficients: Sequence[float]) -> Value:
    """Return the sum of coefficients[n] x^n."""
    y = e.constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        y = e.multiply_add(y, x, e.constant(coefficient))
    return y
