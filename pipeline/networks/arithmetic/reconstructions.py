"""Reconstruction costs of auto-encoders in LLVM code, forward and backward."""

from collections.abc import Callable

from pipeline.networks.arithmetic import elementary
from pipeline.networks.arithmetic.emitter import Emitter, Value

Reconstruction = Callable[[Emitter, Value, Value], tuple[Value, Value]]


def _quadratic(e: Emitter, output: Value, target: Value) -> tuple[Value, Value]:
    """Return the gradient of the squared error at the output, and the error."""
    error = e.subtract(output, target)
    return e.add(error, error), e.multiply(error, error)


def _softplus_quadratic(e: Emitter, z: Value, t: Value) -> tuple[Value, Value]:
    output = elementary.softplus(e, z)
    delta, cost = _quadratic(e, output, t)
    slope = e.negative(elementary.expm1(e, e.negative(output)))
    return e.multiply(delta, slope), cost


def _rectifier_quadratic(e: Emitter, z: Value, t: Value) -> tuple[Value, Value]:
    output = e.where(e.less(z, e.zeros()), e.zeros(), z)
    delta, cost = _quadratic(e, output, t)
    return e.where(e.less(e.zeros(), output), delta, e.zeros()), cost


def _sigmoid_crossentropy(e: Emitter, z: Value, t: Value) -> tuple[Value, Value]:
    # -t log(logistic(z)) - (1 - t) log(1 - logistic(z)) = softplus(-z) + (1 - t) z
    rest = e.multiply(e.subtract(e.constant(1), t), z)
    cost = e.add(rest, elementary.softplus(e, e.negative(z)))
    return e.subtract(elementary.logistic(e, z), t), cost


# Functions of the decoder's linear outputs z and the targets t, which return the gradient of the
# cost at z and the cost (paper, section 3.2).
RECONSTRUCTIONS: dict[str, Reconstruction] = {
    "softplus": _softplus_quadratic,
    "scaled": _sigmoid_crossentropy,
    "linear": _quadratic,
    "rectifier": _rectifier_quadratic,
    "sigmoid": _sigmoid_crossentropy,
}
