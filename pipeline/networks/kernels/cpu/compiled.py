"""Kernels as functions of this process: LLVM compiles each for the processor at hand, once."""

import ctypes
from collections.abc import Callable
from functools import cache

from llvmlite import binding

from pipeline.networks.kernels.cpu import kernels
from pipeline.networks.kernels.cpu.emitter import Emitter

Compiled = Callable[..., None]  # of addresses, then integers
_kept: list[object] = []  # LLVM frees the code of an engine that nobody holds


def lanes() -> int:
    """Return how many floats a register holds. Raises RuntimeError without fused multiply-adds."""
    if binding.get_process_triple().startswith(("aarch64", "arm64")):
        return 4
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    if features.get("avx2") and features.get("fma"):
        return 8
    raise RuntimeError("the processor has no fused multiply-adds of vectors")


@cache
def compiled(name: str, batch: int | None, *, width: int = 0, **options: bool) -> Compiled:
    """Return a kernel by its name and options, for mini-batches of `batch` rows.

    `width` is how many floats a register is taken to hold, by default as many as it does. Raises
    RuntimeError where that cannot be compiled.
    """
    emitter = kernels.KERNELS[name](batch, width or lanes(), **options)
    pointers, integers = kernels.ARGUMENTS[name]
    return function(emitter, *[ctypes.c_void_p] * pointers, *[ctypes.c_int64] * integers)


def function(emitter: Emitter, *kinds: type) -> Compiled:
    """Return what was emitted as a function of arguments of these kinds."""
    machine = _machine()
    module = binding.parse_assembly(emitter.text())
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=1)
    # Vectors, and as many registers as there are, are written by hand: an unrolled loop spills.
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _kept.append(engine)
    return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(emitter.name))


def _machine() -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features().flatten()
    if binding.get_process_triple().startswith("x86_64"):
        features += ",-prefer-256-bit"  # some processors would be given half of their registers
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=3, jit=True
    )
