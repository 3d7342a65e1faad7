"""Calls of compiled kernels on tensors."""

import logging
import multiprocessing
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from pipeline.networks.arithmetic.compiler import Compiled, Kernel

log = logging.getLogger(__name__)


@cache
def compiled_kernels() -> ModuleType | None:
    """Return the compiler of kernels, None (with one warning) where it cannot compile."""
    try:
        from pipeline.networks.arithmetic import compiler, row_kernels

        compiler.compiled_kernel(row_kernels.sums)
    except (ImportError, RuntimeError, OSError) as error:
        if multiprocessing.parent_process() is None:
            log.warning("warning: training without compiled kernels, more slowly: %s", error)
        return None
    return compiler


@dataclass(frozen=True)
class Call:
    """Call of a kernel: its arguments, the size of the mini-batch and the kernel's options.

    None is an argument that the kernel does not read.
    """

    kernel: "Kernel"
    tensors: tuple[Tensor | None, ...]
    integers: tuple[int, ...]
    batch: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    shares: tuple[dict[str, Any], ...] = ()  # more options, of the calls that `shared` returns
    is_shared: bool = False

    def compiled(self) -> "Compiled":
        """Return the compiled kernel."""
        compiler = compiled_kernels()
        assert compiler is not None
        return compiler.compiled_kernel(self.kernel, self.batch, **self.options)  # type: ignore[no-any-return]

    def shared(self) -> list["Call"]:
        """Return the calls that do the same, one after the other, by threads that share their work.

        A call that cannot be shared is returned as it is.
        """
        return [
            replace(self, options=self.options | more | {"shared": True}, is_shared=True)
            for more in self.shares
        ] or [self]

    def run(self) -> None:
        """Run the kernel on the memory of the tensors."""
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in self.tensors]
        self.compiled()(*addresses, *self.integers)
