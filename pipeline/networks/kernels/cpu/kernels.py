"""CPU kernels of K layers: forward, and backward with the update; compiled by LLVM.

The GPU kernels of the same names (gpu/kernels.py) compute the same. A layer's weights are read
once; biases and units are passes over the B rows of a mini-batch, which fit the cache.

Legend of shape suffixes: K networks, B rows of a mini-batch, I inputs of a layer, O its outputs,
R = K * I rows of weights of all networks, Q = K * B rows of all mini-batches, M = Q + 1 their row
pointers, P non-zero inputs of all rows; a 1 broadcasts. `transposed`: the weights lie in memory as
[O, I], as those of a tied decoder do.
"""

import ctypes
from collections.abc import Callable
from functools import cache

from llvmlite import binding

from pipeline.networks.kernels.cpu.emitter import Columns, Emitter, Index, Value
from pipeline.networks.kernels.cpu.matrix_products import (
    Matrix,
    add_product,
    sweep_columns,
    sweep_rows,
)

ARGUMENTS = {
    "forward": (5, 4),
    "backward_and_update": (7, 4),
    "scatter": (4, 2),
}  # pointers, integers
STRIP = 8  # vectors of a row that stay in registers while they are added to other rows


def forward(
    batch: int | None, lanes: int, *, transposed: bool, rectifier: bool, negated: bool
) -> Emitter:
    """Write f(b + x W) * signs, where f is the rectifier or nothing.

    Arguments: x, W, b, h, signs; B, I, O, K. Without a `batch` B is any number, and large.
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
            h = emitter.where(emitter.less(z, emitter.zeros()), emitter.zeros(), z)  # keeps NaN
            if negated:
                h = emitter.multiply(h, emitter.load(at(signs_O, o), mask))
            emitter.store(h, at(h_BO, place), mask)

        _for_vectors(emitter, B, O, start)
        if batch is None:
            add_product(emitter, B, Matrix(W_IO, I, O), x_BI, h_BO)
        elif transposed:
            sweep_rows(emitter, batch, Matrix(W_IO, O, I), x_BI, out_BR=h_BO)
        else:
            sweep_columns(emitter, batch, Matrix(W_IO, I, O), x_BI, out_BC=h_BO)
        if rectifier:
            _for_vectors(emitter, B, O, rectify)
    return emitter


def backward_and_update(
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

    `below`: also write delta W', computed from the weights before their update. `rectifier`: the
    inputs x are outputs of rectifiers, and the gradient at their linear outputs is written.

    Arguments: x, W, b, delta, below, signs and l1 of the layer below; B, I, O, K.
    """
    emitter = Emitter("backward_and_update", *ARGUMENTS["backward_and_update"], lanes=lanes)
    at, times, (*stacks, _, I, O, K) = emitter.at, emitter.times, emitter.arguments  # noqa: E741
    x_KBI, W_KIO, b_K1O, delta_KBO, below_KBI, signs_K1I, l1_K11 = stacks
    with emitter.loop(0, K) as k:
        x_BI, below_BI = at(x_KBI, times(k, batch, I)), at(below_KBI, times(k, batch, I))
        delta_BO, b_O = at(delta_KBO, times(k, batch, O)), at(b_K1O, times(k, O))
        W_IO, signs_I = at(W_KIO, times(k, I, O)), at(signs_K1I, times(k, I))

        def start(place: Value, i: Value, mask: Value | None) -> None:
            emitter.store(emitter.zeros(), at(below_BI, place), mask)

        def rectifier_backward(place: Value, i: Value, mask: Value | None) -> None:
            h, slope = (emitter.load(at(matrix, place), mask) for matrix in (x_BI, below_BI))
            if negated:  # f(z) without its sign: f'(z) is computed from f(z)
                signs = emitter.load(at(signs_I, i), mask)
                h, slope = emitter.multiply(h, signs), emitter.multiply(slope, signs)
            if penalized:
                slope = emitter.add(slope, emitter.broadcast(at(l1_K11, k)))
            passes = emitter.less(emitter.zeros(), h)
            emitter.store(emitter.where(passes, slope, emitter.zeros()), at(below_BI, place), mask)

        def update_bias(o: Value, mask: Value | None) -> None:
            step = emitter.load(at(delta_BO, o), mask)
            for b in range(1, batch):
                step = emitter.add(step, emitter.load(at(delta_BO, times(b, O), o), mask))
            emitter.store(emitter.add(emitter.load(at(b_O, o), mask), step), at(b_O, o), mask)

        if below:
            _for_vectors(emitter, batch, I, start)
        if transposed:
            out_BI = below_BI if below else None
            sweep_columns(
                emitter, batch, Matrix(W_IO, O, I), delta_BO, columns_BC=x_BI, out_BC=out_BI
            )
        elif below:
            matrix = Matrix(W_IO, I, O)
            sweep_rows(emitter, batch, matrix, delta_BO, rows_BR=x_BI, out_BR=below_BI)
        else:
            sweep_columns(emitter, batch, Matrix(W_IO, I, O), x_BI, columns_BC=delta_BO)
        if below and rectifier:
            _for_vectors(emitter, batch, I, rectifier_backward)
        emitter.for_vectors(O, update_bias)
    return emitter


def scatter(batch: None, lanes: int) -> Emitter:
    """Add row q of delta [Q, O] to the rows `places[starts[q] : starts[q + 1]]` of W.

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

        emitter.for_panels(O, STRIP, strip)
    return emitter


def _for_vectors(
    emitter: Emitter, batch: Index, width: Value, act: Callable[[Value, Value, Value | None], None]
) -> None:
    """Emit `act(place, column, mask)` for all vectors of a matrix [B, width]."""
    with emitter.loop(0, batch) as b:
        first = emitter.times(b, width)
        emitter.for_vectors(
            width, lambda column, mask: act(emitter.plus(first, column), column, mask)
        )


KERNELS: dict[str, Callable[..., Emitter]] = {
    "forward": forward, "backward_and_update": backward_and_update, "scatter": scatter,
}  # fmt: skip


Compiled = Callable[..., None]  # arguments: addresses, then integers
_engines: list[object] = []  # LLVM frees the code of an engine without references


def host_lanes() -> int:
    """Return the floats of a vector register. Raises RuntimeError without fused multiply-adds."""
    if binding.get_process_triple().startswith(("aarch64", "arm64")):
        return 4
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    if features.get("avx2") and features.get("fma"):
        return 8
    raise RuntimeError("the processor has no fused multiply-adds of vectors")


@cache
def compiled_kernel(name: str, batch: int | None, *, width: int = 0, **options: bool) -> Compiled:
    """Return a kernel by name and options, compiled for mini-batches of `batch` rows.

    `width` is the number of floats of a register, by default that of this processor. Raises
    RuntimeError if the kernel cannot be compiled.
    """
    emitter = KERNELS[name](batch, width or host_lanes(), **options)
    pointers, integers = ARGUMENTS[name]
    return compile_function(emitter, *[ctypes.c_void_p] * pointers, *[ctypes.c_int64] * integers)


def compile_function(emitter: Emitter, *kinds: type) -> Compiled:
    """Return the emitted code as a C function with arguments of these ctypes types."""
    machine = _machine()
    module = binding.parse_assembly(emitter.text())
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=1)
    # The emitted code uses vectors and all registers already: an unrolled loop would spill.
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _engines.append(engine)
    return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(emitter.name))


def _machine() -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features().flatten()
    if binding.get_process_triple().startswith("x86_64"):
        features += ",-prefer-256-bit"  # else LLVM uses half registers on some processors
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=3, jit=True
    )
