"""Sequence of kernel calls that runs as one call, network by network.

A step of SGD is about three kernel calls a layer. One after the other, each from Python and for all
networks, they cost the time of Python and of torch, and they read the weights of a network again
from memory in each. In a sequence, all calls of one network follow each other: a network that fits
the second-level cache is read from memory once a step. A team of threads (team.py) takes each call
together, with a barrier after it.

Legend of shape suffixes: K networks.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from pipeline.networks.arithmetic import team
from pipeline.networks.arithmetic.emitter import Emitter, Value
from pipeline.networks.arithmetic.running import Call

Signature = tuple[int, int, bool]  # numbers of a kernel's pointers and integers; shared by a team?


class KernelSequence:
    """Calls of kernels on the same K networks, with fixed tensors but for the inputs.

    The first dimension of all tensors is K, or 1 for memory that all networks use in turn. The last
    integer of all calls is K.
    """

    def __init__(self, calls_on: Callable[..., Sequence[Call]], floats: int) -> None:
        """Remember how to make the calls; `floats` is the number of weights of one network.

        `calls_on(*inputs)` returns the calls on the first inputs, which are replaced in later runs;
        none if the kernels do not support them.
        """
        self._calls_on, self._threads = calls_on, team.size(floats)
        self._expected: list[tuple[object, ...]] = []
        self._run: Callable[[], None] | None = None
        self.supported = True  # until the first run shows that it is not

    def run(self, *inputs: object) -> bool:
        """Run all calls on these inputs; return False, without a run, if they are not supported.

        All inputs must be contiguous, later ones of the shapes and types of the first ones.
        """
        tensors = [tensor for tensor in inputs if isinstance(tensor, Tensor)]
        if len(tensors) < len(inputs) or not self.supported:
            return False
        if not all(tensor.is_contiguous() for tensor in tensors):
            return False
        if self._run is None:
            self._expected = [(tensor.shape, tensor.dtype) for tensor in tensors]
            calls = self._calls_on(*tensors)
            self.supported = bool(calls)
            if not calls:
                return False
            self._run = self._compiled(calls, tensors)
        for tensor, expected in zip(tensors, self._expected, strict=True):
            if (tensor.shape, tensor.dtype) != expected:
                return False
        for tensor, places in zip(tensors, self._places, strict=True):
            address = tensor.data_ptr()
            for place in places:
                self._words[place] = address
        self._run()
        return True

    def _compiled(self, calls: Sequence[Call], inputs: Sequence[Tensor]) -> Callable[[], None]:
        """Return the function that runs all calls, with the addresses in `self._words`."""
        together = self._threads > 1
        if together:
            team.prepare(self._threads)
            calls = [shared for call in calls for shared in call.shared()]
        self._tensors = [call.tensors for call in calls]  # keeps their memory
        self._places: list[list[int]] = [[] for _ in inputs]
        words = [calls[0].integers[-1], *(team.addresses() if together else ())]
        for call in calls:
            words.append(ctypes.cast(call.compiled(), ctypes.c_void_p).value or 0)  # type: ignore[arg-type]
            for tensor in call.tensors:
                for places, each in zip(self._places, inputs, strict=True):
                    if each is tensor:
                        places.append(len(words))
                words += (0, 0) if tensor is None else (tensor.data_ptr(), _stride(tensor))
            words += call.integers[:-1]
        signatures = tuple(
            (len(call.tensors), len(call.integers), call.is_shared) for call in calls
        )
        self._words = (ctypes.c_int64 * len(words))(*words)
        options = {"signatures": signatures, "together": together}
        function = Call(run_sequence, (), (), options=options).compiled()
        table = ctypes.addressof(self._words)
        return (
            partial(team.run, function, table, self._threads)
            if together
            else partial(function, table)
        )


def run_sequence(
    batch: int | None, lanes: int, *, signatures: tuple[Signature, ...], together: bool
) -> Emitter:
    """Call kernels of these signatures, for one network after the other.

    Argument: a table of 64-bit integers. It holds K; with `together` the addresses of
    `team.FUNCTIONS`; and for each call: the address of the kernel; address of each tensor, and its
    bytes per network; all integers but K. `together`: each thread of a team runs this function; a
    kernel that is not shared runs in the first thread.
    """
    emitter = Emitter("run_sequence", 1, 0, lanes=lanes)
    (table,) = emitter.arguments
    place = 0

    def words(count: int) -> list[Value]:
        nonlocal place
        place += count
        return [emitter.integer(table, place - count + n) for n in range(count)]

    (K,) = words(1)
    if together:
        number, size, barrier = words(len(team.FUNCTIONS))
        thread, threads = emitter.call_number(number), emitter.call_number(size)
    with emitter.loop(0, K) as k:
        for pointers, integers, shared in signatures:
            (kernel,) = words(1)
            pairs = [words(2) for _ in range(pointers)]
            addresses = [emitter.plus(start, emitter.times(k, step)) for start, step in pairs]
            arguments = [*words(integers - 1), 1]
            if shared:
                emitter.call_kernel(kernel, addresses, [*arguments, thread, threads])
            elif together:
                with emitter.loop(thread, 1):  # once in thread 0, else never
                    emitter.call_kernel(kernel, addresses, arguments)
            else:
                emitter.call_kernel(kernel, addresses, arguments)
            if together:
                emitter.call_kernel(barrier, [], [])
    return emitter


def _stride(tensor: Tensor) -> int:
    """Return the bytes from a network's part of a tensor to the next network's."""
    return tensor.stride(0) * tensor.element_size() if len(tensor) > 1 else 0
