"""Compilation of kernels by LLVM for the processor at run time."""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import llvmlite
from llvmlite import binding

from pipeline.networks.arithmetic import object_files
from pipeline.networks.arithmetic.emitter import Emitter
from pipeline.runtime import storage

Kernel = Callable[..., Emitter]  # arguments: batch or None, lanes, and options
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
def compiled_kernel(
    kernel: Kernel, batch: int | None = None, *, width: int = 0, **options: object
) -> Compiled:
    """Return a kernel with its options, compiled for mini-batches of `batch` rows.

    `width` is the number of floats of a register, by default that of this processor. Raises
    RuntimeError if the kernel cannot be compiled.
    """
    emitter = kernel(batch, width or host_lanes(), **options)
    pointers, integers = emitter.kinds
    return compile_function(emitter, *[ctypes.c_void_p] * pointers, *[ctypes.c_int64] * integers)


def compile_function(emitter: Emitter, *kinds: type) -> Compiled:
    """Return the emitted code as a C function with arguments of these ctypes types.

    Machine code that an earlier process has compiled from the same text is read from the cache.
    """
    text, machine = emitter.text(), _machine()
    key = _key(text)
    code = object_files.read(key)
    if code is None:
        code = _machine_code(text, machine)
        object_files.write(key, code)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(emitter.name))


def _key(text: str) -> str:
    """Return a hash of all that the machine code of a text depends on."""
    versions = (llvmlite.__version__, binding.llvm_version_info)
    return storage.fingerprint(text, _own_code(), versions, *_processor())


@cache
def _own_code() -> str:
    """Return the code of this file, which has the options of the compilation."""
    return Path(__file__).read_text("utf-8")


def _machine_code(text: str, machine: binding.TargetMachine) -> bytes:
    module = binding.parse_assembly(text)
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=1)
    # The emitted code uses vectors and all registers already: an unrolled loop would spill.
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


def _machine() -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple, cpu, features = _processor()
    target = binding.Target.from_triple(triple)
    return target.create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


@cache
def _processor() -> tuple[str, str, str]:
    """Return LLVM's names of the platform, of the processor and of its instructions."""
    triple, features = binding.get_process_triple(), binding.get_host_cpu_features().flatten()
    if triple.startswith("x86_64"):
        features += ",-prefer-256-bit"  # else LLVM uses half registers on some processors
    return triple, binding.get_host_cpu_name(), features
