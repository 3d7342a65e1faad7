"""Library of the reproduction: data, stacked training, the protocol of the paper, its analysis."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.questions.compare import compare

__all__ = ["compare"]


def __getattr__(name: str) -> Any:
    """Import `compare` at its first use: `import pipeline` alone does not load torch."""
    if name == "compare":
        from pipeline.questions.compare import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
