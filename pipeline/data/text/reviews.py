"""Reviews as readers give them, and what of their files could not be used.

A reader yields reviews and faults in the order of its file: no line is dropped without one.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

log = logging.getLogger(__name__)

SHOWN = 20  # characters of what an error quotes from a file
WHOLE_OR_HALF = 2  # stars come in halves at the finest


class Review(NamedTuple):
    """What somebody wrote, and its label: a name, stars as `4` or `4.5`; None without one."""

    text: str
    label: str | None


class Fault(NamedTuple):
    """A place that gave no review: its file, its first line (from 1), what is wrong, its lines."""

    path: str
    line: int
    what: str
    lines: int = 1


Found = Review | Fault


@dataclass
class Tally:
    """The reviews and bad lines of the files of a dataset, while they go by."""

    reviews: int = 0
    bad: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """How many lines were bad."""
        return sum(lines for _, lines in self.bad.values())

    def records(self) -> list[Record]:
        """Return for each file and cause how many lines were bad, and the first of them."""
        return [
            {"file": path, "what": what, "lines": lines, "first": first}
            for (path, what), (first, lines) in self.bad.items()
        ]

    def usable(self, found: Iterable[Found]) -> Iterator[Review]:
        """Yield the reviews of one file, and keep count of its bad lines.

        Raises Problem where a file has no review at all, or more bad lines than reviews: then it is
        not what it was taken for, and its first bad line says why.
        """
        first, reviews, lines = None, 0, 0
        for item in found:
            if isinstance(item, Review):
                reviews += 1
                yield item
            else:
                first = first or item
                lines += item.lines
                self._add(item)
        self.reviews += reviews
        if first and lines > reviews:
            share = "none of its lines" if not reviews else "fewer than half of its lines"
            raise Problem(
                f"{first.path}, line {first.line}: {first.what} ({share} can be used): "
                "correct the file, or say in params.yaml how to read it"
            )

    def _add(self, fault: Fault) -> None:
        key = (fault.path, fault.what)
        first, lines = self.bad.get(key, [fault.line, 0])
        self.bad[key] = [first, lines + fault.lines]

    def report(self, dataset: str) -> None:
        """Say in one line how many lines were bad; nothing where none was."""
        if not self.bad:
            return
        (path, what), (first, _) = next(iter(self.bad.items()))
        others = f"; {len(self.bad) - 1} more causes in the data card" if len(self.bad) > 1 else ""
        log.warning(
            "%s: %d bad lines left out beside %d reviews, the first is %s, line %d: %s%s",
            *(dataset, self.lines, self.reviews, path, first, what, others),
        )


@dataclass(frozen=True)
class Stars:
    """Ratings from `low` to `high`, whole or half ones."""

    low: float = 1.0
    high: float = 5.0

    def label(self, value: object) -> str:
        """Return a rating as a label. Raises ValueError that says what is wrong with it.

        >>> Stars().label("4.0")
        '4'
        """
        if value is None or not str(value).strip():
            raise ValueError("the stars are missing")
        told = f"stars of {str(value).strip()[:SHOWN]!r}"
        try:
            stars = float(str(value)) if not isinstance(value, bool) else None
        except ValueError:
            stars = None
        if stars is None or "_" in str(value):
            raise ValueError(f"{told} are no number")
        if not self.low <= stars <= self.high:
            raise ValueError(f"{told} are not from {self.low:g} to {self.high:g}")
        if stars * WHOLE_OR_HALF % 1:
            raise ValueError(f"{told} are neither whole nor half ones")
        return f"{stars:g}"


@dataclass(frozen=True)
class Columns:
    """What the columns of a file are called: that of the text, and that of the stars or labels.

    `stars` and `label` are both None for unlabeled reviews.
    """

    text: str
    stars: str | None = None
    label: str | None = None
    ratings: Stars = Stars()

    @property
    def names(self) -> list[str]:
        """Of the columns that a file must have."""
        return [name for name in (self.text, self.stars, self.label) if name is not None]

    def review(self, row: Mapping[str, object]) -> Review:
        """Return the review of one row. Raises ValueError that says what is wrong with it."""
        said = row.get(self.text)
        if said is None:
            raise ValueError(f"there is no {self.text!r}")
        if not isinstance(said, str):
            raise ValueError("the text is no text")
        if not said.strip():
            raise ValueError("the text is empty")
        if self.stars is not None:
            return Review(said, self.ratings.label(row.get(self.stars)))
        return Review(said, None if self.label is None else _name(row.get(self.label)))


def _name(value: object) -> str:
    if isinstance(value, dict | list):
        raise ValueError("the label is neither text nor a number")
    label = "" if value is None else str(value).strip()
    if not label:
        raise ValueError("the label is missing")
    return label


def class_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return distinct labels in order: as numbers where all of them are, else as text.

    >>> class_names(["10", "9", "9"]), class_names(["b", "9"])
    (('9', '10'), ('9', 'b'))
    """
    names = sorted({*labels})
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)
