"""Random streams by name."""

import torch

from pipeline.runtime.seeds import generator, stream


def draw(*parts: str | int) -> list[float]:
    return torch.rand(3, generator=generator(*parts)).tolist()


def test_same_name_same_stream() -> None:
    """A stream is a function of its name alone, whatever was drawn before."""
    first = draw("digits", 1, "order")
    torch.rand(10)
    assert draw("digits", 1, "order") == first


def test_different_names_different_streams() -> None:
    """Every part of a name counts, with its position and type."""
    names = [("a", 1), ("a", 2), ("b", 1), (1, "a"), ("a", "1"), ("a1",), ("a", 1, ""), ("a/1",)]
    assert len({stream(*name) for name in names}) == len(names)
