"""Sweeps as functions of this process: LLVM compiles each for the processor at hand, once."""

import ctypes
from collections.abc import Callable
from functools import cache

from llvmlite import binding

from pipeline.cpu import sweeps

Compiled = Callable[..., None]  # addresses of W, rows, columns and out, then R and C
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
def compiled(
    direction: str, batch: int, *, products: bool, update: bool, width: int = 0
) -> Compiled:
    """Return the sweep `down` or `across` for mini-batches of `batch` rows.

    `width` is how many floats a register is taken to hold, by default as many as it does. Raises
    RuntimeError where that cannot be compiled.
    """
    emitter = sweeps.SWEEPS[direction](batch, width or lanes(), products=products, update=update)
    machine = _machine()
    module = binding.parse_assembly(emitter.text())
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _kept.append(engine)
    pointers, integers = sweeps.ARGUMENTS
    kinds = [ctypes.c_void_p] * pointers + [ctypes.c_int64] * integers
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
