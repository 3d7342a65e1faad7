"""Random streams by name: a stream's seed is a hash of the purpose it serves."""

import hashlib

import numpy as np
import torch

Part = str | int


def stream(*parts: Part) -> int:
    """Return the seed of the stream with this name, in [0, 2^63).

    >>> stream("digits", 0, "weights") == stream("digits", 0, "weights")
    True
    >>> stream("a", "bc") == stream("ab", "c")
    False
    """
    name = "/".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def generator(*parts: Part, device: str = "cpu") -> torch.Generator:
    """Return a new torch generator for the stream with this name.

    A name holds what is drawn (say dataset, seed, "order", epoch) and nothing that an arm changes:
    the arms of one seed see the same draws, so their comparison is paired.
    """
    return torch.Generator(device).manual_seed(stream(*parts))


def normals(*parts: Part, shape: tuple[int, ...]) -> torch.Tensor:
    """Return standard normal numbers of the stream with this name, float32, on the CPU.

    They are drawn by NumPy: torch's depend on the vector instructions of the processor.
    """
    draws = np.random.Generator(np.random.Philox(stream(*parts)))
    return torch.from_numpy(draws.standard_normal(shape, dtype=np.float32))
