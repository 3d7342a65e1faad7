"""Randomness by name: every stream is a pure function of what it is for."""

import hashlib

import torch

Part = str | int


def stream(*parts: Part) -> int:
    """Return the 63-bit seed of the stream named by `parts`.

    >>> stream("digits", 0, "weights") == stream("digits", 0, "weights")
    True
    >>> stream("a", "bc") == stream("ab", "c")
    False
    """
    name = "/".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def generator(*parts: Part, device: str = "cpu") -> torch.Generator:
    """Return a fresh torch generator for the stream named by `parts`.

    Streams are named by what they draw (say dataset, seed, "order", epoch) and by nothing that a
    treatment changes, so the arms of one seed see the same draws: the comparison is paired.
    """
    return torch.Generator(device).manual_seed(stream(*parts))
