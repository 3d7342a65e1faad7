"""Fake CUDA device for tests: tensors that claim to be on cuda, computed by the CPU.

It refuses what a GPU would refuse (tensors of both devices in one operation, a generator of the
other device), records where the CPU would synchronize, and records CUDA graphs that replay the
launched operations at their addresses, without running Python code again.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

from pipeline.networks.kernels.gpu import layers
from tests.imports import ROOT

CUDA = torch.device("cuda", 0)
WAITS = {
    "_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "bincount",
    "unique_consecutive", "equal",
}  # fmt: skip
ACROSS = {"copy_", "to", "__setitem__", "as_tensor", "tensor", "new_tensor"}  # move what they take


class OnCuda(torch.Tensor):
    """A tensor that claims to be on the GPU."""


class Draws(torch.Generator):
    """A generator of either device."""

    def __new__(cls, device: Any = "cpu") -> "Draws":
        made = super().__new__(cls, "cpu")
        made.place = CUDA if torch.device(device).type == "cuda" else torch.device("cpu")
        return made

    @property
    def device(self) -> torch.device:
        return self.place


class Stream:
    """A stream; operations run immediately on any stream."""

    def wait_stream(self, other: "Stream") -> None:
        pass


@dataclass
class Graph:
    """A CUDA graph: the operations launched during its recording."""

    launches: list[tuple[Callable[..., Any], Any, Any, Any]] = field(default_factory=list)
    undo: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    made: set[int] = field(default_factory=set)  # addresses of tensors that the graph allocated
    borrowed: dict[int, StorageWeakRef] = field(default_factory=dict)
    plays: int = 0

    def launch(self, func: Callable[..., Any], args: Any, kwargs: Any, writes: Any) -> Any:
        """Record a launch; tensors that it writes to are restored when the recording ends."""
        for tensor in _tensors((args, kwargs)) if writes is ... else writes:
            self.undo.append((tensor, tensor.clone()))
        out = func(*args, **kwargs)
        given = {_address(tensor) for tensor in _tensors((args, kwargs))}
        self.made |= {_address(tensor) for tensor in _tensors(out)} - given
        self.launches.append((func, args, kwargs, out))
        return out

    def end(self) -> None:
        """Restore all tensors, and release the tensors of other owners."""
        for tensor, before in reversed(self.undo):
            tensor.copy_(before)
        self.undo.clear()
        self.launches = [
            (func, *tree_map(self._lent, (args, kwargs, out)))
            for func, args, kwargs, out in self.launches
        ]

    def _lent(self, each: Any) -> Any:
        """Return a tensor over the same memory, without a reference to its owner."""
        if not isinstance(each, Tensor) or _address(each) in self.made or not each.numel():
            return each
        storage = each.untyped_storage()
        self.borrowed[storage.data_ptr()] = StorageWeakRef(storage)
        room = (ctypes.c_char * storage.nbytes()).from_address(storage.data_ptr())
        flat = torch.frombuffer(room, dtype=each.dtype)
        return flat.as_strided(each.shape, each.stride(), each.storage_offset())

    def replay(self) -> None:
        """Launch everything again."""
        assert not any(lent.expired() for lent in self.borrowed.values()), "memory was freed"
        self.plays += 1
        with _undisturbed():
            for func, args, kwargs, out in self.launches:
                again = func(*args, **kwargs)
                for old, new in zip(_tensors(out), _tensors(again), strict=True):
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Disable the modes of this module."""
    with torch._C.DisableTorchFunction(), _disable_current_modes(), torch.no_grad():
        yield


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


@dataclass
class Gpu:
    """The events on the fake device."""

    waits: list[str] = field(default_factory=list)  # synchronizations, by line of the pipeline
    graphs: list[Graph] = field(default_factory=list)
    kernels: list[str] = field(default_factory=list)  # of Triton
    pinned: list[Tensor] = field(default_factory=list)  # page-locked tensors of the CPU
    recording: Graph | None = None
    stream: Stream = field(default_factory=Stream)
    fails_to_end: bool = False  # a recording
    busy: bool = False  # torch is running an operation of the GPU

    def wait(self, what: str) -> None:
        """Record a synchronization; it fails during a recording."""
        line = _line()
        if self.recording is not None:
            raise RuntimeError(f"operation not permitted when stream is capturing: {what}, {line}")
        self.waits.append(f"{line} {what}")

    @contextmanager
    def capture(self, graph: Graph) -> Iterator[None]:
        """Replace torch.cuda.graph."""
        self.recording, before, self.stream = graph, self.stream, Stream()
        self.graphs.append(graph)
        try:
            yield
        finally:
            self.recording = None
            with _undisturbed():
                graph.end()
            if self.fails_to_end:
                raise torch.AcceleratorError("CUDA error: out of memory")
            self.stream = before

    @contextmanager
    def on(self, stream: "Stream") -> Iterator[None]:
        """Replace torch.cuda.stream."""
        before, self.stream = self.stream, stream
        try:
            yield
        finally:
            self.stream = before

    def launch(self, name: str, grid: Any, tensors: tuple[Tensor, ...], **shape: Any) -> bool:
        """Run a kernel by Triton's interpreter."""
        module = layers._triton.kernels()
        if module is None:
            return False
        for tensor in tensors:
            assert isinstance(tensor, OnCuda), f"{name}: a pointer to the CPU's memory"
            assert tensor.is_contiguous() or tensor.mT.is_contiguous()
        self.kernels.append(name)
        with _undisturbed():
            plain = tuple(tensor.as_subclass(Tensor) for tensor in tensors)

            def run(*given: Tensor) -> None:
                getattr(module, name)[grid](*given, **shape)

            if self.recording is None:
                run(*plain)
            else:
                self.recording.launch(run, plain, {}, ...)
        return True


def _line() -> str:
    """Return the innermost running line of the pipeline."""
    frame = sys._getframe()
    while frame.f_back is not None:
        if "/pipeline/" in frame.f_code.co_filename or "/benchmarks/" in frame.f_code.co_filename:
            return f"{frame.f_code.co_filename.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"


class Operations(TorchDispatchMode):
    """Dispatch mode that detects synchronizations and records graphs."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if not self.gpu.busy:
            return func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if name in WAITS or _has_mask(name, args) or _has_unknown_size(name, kwargs):
            self.gpu.wait(name)
        launched = _square_root if name == "sqrt" else func
        if self.gpu.recording is None:
            return launched(*args, **kwargs)
        names = [argument.name for argument in func._schema.arguments]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        writes = [
            given[argument.name]
            for argument in func._schema.arguments
            if argument.alias_info is not None and argument.alias_info.is_write
        ]
        return self.gpu.recording.launch(launched, args, kwargs, _tensors(writes))


def _square_root(x: Tensor) -> Tensor:
    """Return square roots rounded correctly, as a GPU's are; a CPU's by torch may not be."""
    with _undisturbed():
        return torch.from_numpy(np.sqrt(x.as_subclass(Tensor).numpy()))


def _has_mask(name: str, args: Any) -> bool:
    if name not in ("index", "index_put", "index_put_", "_index_put_impl_"):
        return False
    return any(index.dtype in (torch.bool, torch.uint8) for index in _tensors(args[1]))


def _has_unknown_size(name: str, kwargs: Any) -> bool:
    return name == "repeat_interleave" and kwargs.get("output_size") is None


class Calls(TorchFunctionMode):
    """Function mode that assigns operations to a device."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = dict(kwargs or {})
        name = _name(func)
        tensors = _tensors((args, kwargs))
        here = [tensor for tensor in tensors if isinstance(tensor, OnCuda)]
        if name in ("device", "is_cuda", "get_device"):
            if not here:
                return func(*args, **kwargs)
            return {"device": CUDA, "is_cuda": True, "get_device": 0}[name]
        if here and name in ("numpy", "__array__"):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if name == "_has_compatible_shallow_copy_type":
            return False  # a module that moves gets new parameters
        if name == "pin_memory":
            self.gpu.pinned.append(args[0].clone())
            return self.gpu.pinned[-1]
        if name in ("to", "cpu", "cuda"):
            return self._moved(func, name, args, kwargs)
        there = [each for each in tensors if not isinstance(each, OnCuda) and each.ndim]
        place = kwargs.get("device")
        wished = None if place is None else torch.device(place)
        on_gpu = bool(here) if wished is None else wished.type == "cuda"
        if here and there:
            if name not in ACROSS and not (name == "__getitem__" and args[0] in here):
                raise RuntimeError(f"{name}: tensors on cuda:0 and cpu, {_line()}")
            pinned = {_address(tensor) for tensor in self.gpu.pinned}
            into = (
                "pinned memory"
                if name == "__setitem__" and _address(args[0]) in pinned
                else "the other"
            )
            self.gpu.wait(f"{name}, from one place to {into}")
        elif on_gpu and (name == "new_tensor" or (name in ("tensor", "as_tensor") and not here)):
            self.gpu.wait(f"{name}, from the CPU")
        elif here and name == "tolist":
            self.gpu.wait(name)
        self._check_generator(kwargs.get("generator"), on_gpu=on_gpu, name=name)
        if wished is not None:
            kwargs["device"] = "cpu"
        to_gpu = on_gpu and not (name == "__setitem__" and not isinstance(args[0], OnCuda))
        to_gpu = to_gpu and not (name == "copy_" and not isinstance(args[0], OnCuda))
        found = self._run(func, args, kwargs, busy=bool(here) or on_gpu)
        return _placed(found) if to_gpu else _back(found)

    def _run(self, func: Any, args: Any, kwargs: Any, *, busy: bool) -> Any:
        before, self.gpu.busy = self.gpu.busy, busy
        try:
            return func(*args, **kwargs)
        finally:
            self.gpu.busy = before

    def _moved(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Return a tensor on the requested device, with the requested dtype."""
        self_, *others = args
        wishes = [*others, *kwargs.values()]
        places = [torch.device(wish) for wish in wishes if isinstance(wish, str | torch.device)]
        places += [CUDA if isinstance(wish, OnCuda) else torch.device("cpu")
                   for wish in wishes if isinstance(wish, Tensor)]  # fmt: skip
        places += [torch.device(name)] if name != "to" else []
        is_here = isinstance(self_, OnCuda)
        to_gpu = places[0].type == "cuda" if places else is_here
        types = [wish for wish in wishes if isinstance(wish, torch.dtype)]
        copies = kwargs.get("copy", False) or to_gpu != is_here
        if to_gpu != is_here:
            self.gpu.wait(f"{name} {'cuda' if to_gpu else 'cpu'}")
        found = self._run(
            torch.Tensor.to,
            (self_, types[0] if types else self_.dtype),
            {"copy": copies},
            busy=is_here,
        )
        return _placed(found) if to_gpu else _back(found)

    def _check_generator(self, draws: Any, *, on_gpu: bool, name: str) -> None:
        if draws is None:
            return
        if (draws.device.type == "cuda") != on_gpu:
            raise RuntimeError(f"{name}: a generator of the other device, {_line()}")
        if on_gpu and self.gpu.recording is not None:
            raise RuntimeError(f"{name}: a graph that is recorded does not know the generator")


def _name(func: Any) -> str:
    owner = getattr(func, "__self__", None)  # of a property, its descriptor
    name: str = func.__name__
    return owner.__name__ if name == "__get__" and owner is not None else name


def _placed(found: Any) -> Any:
    """Return an operation's results as tensors on the GPU."""
    if type(found) in (tuple, list):
        return type(found)(map(_placed, found))
    is_on_cpu = isinstance(found, Tensor) and not isinstance(found, OnCuda)
    return found.as_subclass(OnCuda) if is_on_cpu else found


def _back(found: Any) -> Any:
    """Return an operation's results as tensors on the CPU."""
    if type(found) in (tuple, list):
        return type(found)(map(_back, found))
    return found.as_subclass(Tensor) if isinstance(found, OnCuda) else found


@contextmanager
def gpu(*, fused: bool = False) -> Iterator[Gpu]:
    """Make torch see a GPU; with `fused`, Triton's interpreter runs the fused kernels."""
    one = Gpu()
    with pytest.MonkeyPatch.context() as patch, Operations(one), Calls(one):
        patch.setattr(torch, "Generator", Draws)
        patch.setattr(torch.cuda, "CUDAGraph", Graph)
        patch.setattr(torch.cuda, "graph", one.capture)
        for name in ("empty_cache", "synchronize"):
            patch.setattr(torch.cuda, name, lambda: None)
        patch.setattr(torch.cuda, "Stream", Stream)
        patch.setattr(torch.cuda, "current_stream", lambda: one.stream)
        patch.setattr(torch.cuda, "stream", one.on)
        patch.setattr(layers, "DEVICES", {"cuda"} if fused else set())
        patch.setattr(layers, "_launch", one.launch)
        yield one


def on_cuda(tensors: Sequence[Tensor]) -> bool:
    """Return whether all tensors are on the GPU."""
    return all(isinstance(tensor, OnCuda) for tensor in tensors)
