"""Sequence of kernel calls that runs as one call, network by network.

A step of SGD is about three kernel calls a layer. One after the other, each from Python and for all
networks, they cost the time of Python and of torch, and they read the weights of a network again
from memory in each. In a sequence, all calls of one network follow each other: a network that fits
the second-level cache is read from memory once a step.

Legend of shape suffixes: K networks.
"""

import ctypes
from collections.abc import Sequence

from torch import Tensor

from pipeline.networks.arithmetic.emitter import Emitter, Value
from pipeline.networks.arithmetic.running import Call

Signature = tuple[int, int]  # numbers of a kernel's pointers and integers


class KernelSequence:
    """Calls of kernels on the same K networks, with fixed tensors but for the `inputs`.

    The first dimension of all tensors is K, or 1 for memory that all networks use in turn. The last
    integer of all calls is K.
    """

    def __init__(self, calls: Sequence[Call], inputs: Sequence[Tensor]) -> None:
        """Compile the sequence; `inputs` are arguments of the calls, replaced in each run."""
        self._tensors = [call.tensors for call in calls]  # keeps their memory
        self._inputs = [(tensor.shape, tensor.dtype) for tensor in inputs]
        self._places: list[list[int]] = [[] for _ in inputs]
        words: list[int] = []
        for call in calls:
            words.append(ctypes.cast(call.compiled(), ctypes.c_void_p).value or 0)  # type: ignore[arg-type]
            for tensor in call.tensors:
                for places, each in zip(self._places, inputs, strict=True):
                    if each is tensor:
                        places.append(len(words))
                words += (0, 0) if tensor is None else (tensor.data_ptr(), _stride(tensor))
            words += call.integers[:-1]
        signatures = tuple((len(call.tensors), len(call.integers)) for call in calls)
        self._words = (ctypes.c_int64 * len(words))(*words)
        self._run = Call(run_sequence, (), (), options={"signatures": signatures}).compiled()
        self._networks = calls[0].integers[-1]

    def supports(self, *inputs: object) -> bool:
        """Return whether inputs are contiguous, with the shapes and types of the first inputs."""
        return all(
            isinstance(tensor, Tensor)
            and (tensor.shape, tensor.dtype) == expected
            and tensor.is_contiguous()
            for tensor, expected in zip(inputs, self._inputs, strict=True)
        )

    def run(self, *inputs: Tensor) -> None:
        """Run all calls on these inputs."""
        for tensor, places in zip(inputs, self._places, strict=True):
            address = tensor.data_ptr()
            for place in places:
                self._words[place] = address
        self._run(ctypes.addressof(self._words), self._networks)


def run_sequence(batch: int | None, lanes: int, *, signatures: tuple[Signature, ...]) -> Emitter:
    """Call kernels of these signatures, for one network after the other.

    Arguments: a table of 64-bit integers; K. The table holds, for each call: the address of the
    kernel; address and bytes a network of each tensor; all integers but K.
    """
    emitter = Emitter("run_sequence", 1, 1, lanes=lanes)
    table, K = emitter.arguments
    with emitter.loop(0, K) as k:
        place = 0

        def words(count: int) -> list[Value]:
            nonlocal place
            place += count
            return [emitter.integer(table, place - count + n) for n in range(count)]

        for pointers, integers in signatures:
            (kernel,) = words(1)
            pairs = [words(2) for _ in range(pointers)]
            addresses = [emitter.plus(start, emitter.times(k, step)) for start, step in pairs]
            emitter.call_kernel(kernel, addresses, [*words(integers - 1), 1])
    return emitter


def _stride(tensor: Tensor) -> int:
    """Return the bytes from a network's part of a tensor to the next network's."""
    return tensor.stride(0) * tensor.element_size() if len(tensor) > 1 else 0
