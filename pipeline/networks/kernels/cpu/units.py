"""Hidden units in LLVM code, forward and backward."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.networks.activations.units import LEAK
from pipeline.networks.arithmetic import elementary
from pipeline.networks.arithmetic.emitter import Emitter, Value


@dataclass(frozen=True)
class Unit:
    """A hidden unit f, whose derivative follows from its output.

    `forward(e, z, a)` returns f(z), `backward(e, delta, h, a)` the gradient at z from the gradient
    at h = f(z); `a` points at the hardness of softplus.
    """

    forward: Callable[[Emitter, Value, Value], Value]
    backward: Callable[[Emitter, Value, Value, Value], Value]


def _rectifier(e: Emitter, z: Value, a: Value) -> Value:
    return e.where(e.less(z, e.zeros()), e.zeros(), z)  # keeps NaN


def _rectifier_backward(e: Emitter, delta: Value, h: Value, a: Value) -> Value:
    return e.where(e.less(e.zeros(), h), delta, e.zeros())


def _tanh(e: Emitter, z: Value, a: Value) -> Value:
    return elementary.tanh(e, z)


def _tanh_backward(e: Emitter, delta: Value, h: Value, a: Value) -> Value:
    return e.multiply(delta, e.multiply_add(e.negative(h), h, e.constant(1)))


def _softplus(e: Emitter, z: Value, a: Value) -> Value:
    hardness = e.broadcast(a)
    return e.divide(elementary.softplus(e, e.multiply(z, hardness)), hardness)


def _softplus_backward(e: Emitter, delta: Value, h: Value, a: Value) -> Value:
    # f'(z) = logistic(a z) = 1 - exp(-a f(z))
    low = elementary.expm1(e, e.multiply(h, e.negative(e.broadcast(a))))
    return e.multiply(delta, e.negative(low))


def _sigmoid(e: Emitter, z: Value, a: Value) -> Value:
    return elementary.logistic(e, z)


def _sigmoid_backward(e: Emitter, delta: Value, h: Value, a: Value) -> Value:
    return e.multiply(e.multiply(delta, h), e.subtract(e.constant(1), h))


def _leaky(e: Emitter, z: Value, a: Value) -> Value:
    return e.where(e.less(z, e.zeros()), e.multiply(z, e.constant(LEAK)), z)


def _leaky_backward(e: Emitter, delta: Value, h: Value, a: Value) -> Value:
    return e.where(e.less(e.zeros(), h), delta, e.multiply(delta, e.constant(LEAK)))


def _elu(e: Emitter, z: Value, a: Value) -> Value:
    return e.where(e.less(z, e.zeros()), elementary.expm1(e, z), z)


def _elu_backward(e: Emitter, delta: Value, h: Value, a: Value) -> Value:
    slope = e.where(e.less(h, e.zeros()), e.add(h, e.constant(1)), e.constant(1))
    return e.multiply(delta, slope)


UNITS = {
    "rectifier": Unit(_rectifier, _rectifier_backward),
    "tanh": Unit(_tanh, _tanh_backward),
    "softplus": Unit(_softplus, _softplus_backward),
    "sigmoid": Unit(_sigmoid, _sigmoid_backward),
    "leaky": Unit(_leaky, _leaky_backward),
    "elu": Unit(_elu, _elu_backward),
}
