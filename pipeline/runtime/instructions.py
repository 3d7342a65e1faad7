"""Instructions that libraries use: the same on every x86 processor that has AVX2.

Torch, MKL, OpenBLAS and numpy choose faster instructions by processor, and with them the order of
sums and the last bits of functions. Training and evaluation use compiled kernels of their own
(`networks/arithmetic`, `networks/kernels/cpu`); probes, baselines and statistics use libraries.
"""

import platform
from pathlib import Path

COMMON = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
FLAGS = Path("/proc/cpuinfo")


def common() -> dict[str, str]:
    """Return the environment variables that choose AVX2; none where the processor lacks it.

    To be set before the libraries are imported.
    """
    x86 = platform.machine() == "x86_64" and FLAGS.is_file()
    return COMMON if x86 and " avx2 " in FLAGS.read_text("utf-8") else {}
