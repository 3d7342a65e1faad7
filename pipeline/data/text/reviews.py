"""Reviews and bad lines, as the readers of review files yield them in the order of the file.

Every non-blank line of a file is part of a review or of a Fault: no line is dropped silently.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

log = logging.getLogger(__name__)

SHOWN = 20  # characters of a value that an error message quotes
STEPS_PER_STAR = 2  # ratings are whole or half stars


class Review(NamedTuple):
    """Text of a review and its label: a class name, a rating such as `4` or `4.5`, or None."""

    text: str
    label: str | None


class Fault(NamedTuple):
    """Bad lines of a file: path, first line (from 1), what is wrong, number of lines."""

    path: str
    line: int
    what: str
    lines: int = 1


Parsed = Review | Fault


@dataclass
class Tally:
    """Counts of the reviews and bad lines of a dataset's files, filled while they are read."""

    reviews: int = 0
    bad: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Number of bad lines."""
        return sum(lines for _, lines in self.bad.values())

    def records(self) -> list[Record]:
        """Return the number of bad lines and the first of them, by file and cause."""
        return [
            {"file": path, "what": what, "lines": lines, "first": first}
            for (path, what), (first, lines) in self.bad.items()
        ]

    def usable(self, parsed: Iterable[Parsed]) -> Iterator[Review]:
        """Yield the reviews of one file and count its bad lines.

        Raises Problem where a file has no review but bad lines, or more bad lines than reviews: it
        is probably of another format, and its first bad line shows why.
        """
        first, reviews, lines = None, 0, 0
        for item in parsed:
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
        """Log the number of bad lines and the first of them; log nothing where there are none."""
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
    """Scale of ratings from `low` to `high`, in whole or half stars."""

    low: float = 1.0
    high: float = 5.0

    def label(self, value: object) -> str:
        """Return a rating as a class name. Raises ValueError where it is not on the scale.

        >>> Stars().label("4.0")
        '4'
        """
        if value is None or not str(value).strip():
            raise ValueError("the stars are missing")
        quoted = f"stars of {str(value).strip()[:SHOWN]!r}"
        try:
            stars = float(str(value)) if not isinstance(value, bool) else None
        except ValueError:
            stars = None
        if stars is None or "_" in str(value):
            raise ValueError(f"{quoted} are no number")
        if not self.low <= stars <= self.high:
            raise ValueError(f"{quoted} are not from {self.low:g} to {self.high:g}")
        if stars * STEPS_PER_STAR % 1:
            raise ValueError(f"{quoted} are neither whole nor half ones")
        return f"{stars:g}"


@dataclass(frozen=True)
class Columns:
    """Names of a file's columns: the text, and the stars or the label.

    `stars` and `label` are both None for unlabeled reviews.
    """

    text: str
    stars: str | None = None
    label: str | None = None
    ratings: Stars = Stars()

    @property
    def names(self) -> list[str]:
        """Names of the columns that a file must have."""
        return [name for name in (self.text, self.stars, self.label) if name is not None]

    def review(self, row: Mapping[str, object]) -> Review:
        """Return the review of one row. Raises ValueError where the row holds none."""
        text = row.get(self.text)
        if text is None:
            raise ValueError(f"there is no {self.text!r}")
        if not isinstance(text, str):
            raise ValueError("the text is no text")
        if not text.strip():
            raise ValueError("the text is empty")
        if self.stars is not None:
            return Review(text, self.ratings.label(row.get(self.stars)))
        return Review(text, None if self.label is None else _class_name(row.get(self.label)))


def _class_name(value: object) -> str:
    if isinstance(value, dict | list):
        raise ValueError("the label is neither text nor a number")
    label = "" if value is None else str(value).strip()
    if not label:
        raise ValueError("the label is missing")
    return label


def class_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels, sorted as numbers where all of them are, else as text.

    >>> class_names(["10", "9", "9"]), class_names(["b", "9"])
    (('9', '10'), ('9', 'b'))
    """
    names = sorted({*labels})
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)
