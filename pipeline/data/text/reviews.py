"""Reviews and invalid lines, which readers of review files yield in the order of the file.

Every non-blank line of a file is part of a review or of a Fault: no line is dropped silently.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.data.text.labels import MISSING, RefusedLabelError, class_name
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

log = logging.getLogger(__name__)

SHOWN = 20  # characters of a value that an error message quotes
STEPS_PER_STAR = 2  # ratings are whole or half stars
REFUSED = 0.01  # largest share of labels that may be refused or off the scale of ratings


class Review(NamedTuple):
    """Text of a review and its label: a class name, a rating such as `4` or `4.5`, or None."""

    text: str
    label: str | None


class OffScaleError(RefusedLabelError):
    """A rating is a number, but not on the scale of ratings, or between its steps."""

    def __init__(self, what: str, rating: float, scale: "Stars") -> None:
        """Keep the rating and the scale beside the message."""
        super().__init__(what)
        self.rating, self.scale = rating, scale


class Fault(NamedTuple):
    """Bad lines of a file: path, first line (from 1), what is wrong, number of lines, cause."""

    path: str
    line: int
    what: str
    lines: int = 1
    cause: Exception | None = None


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

        Raises Problem where ratings are on another scale or labels are refused, and where a file
        has no review but bad lines, or more bad lines than reviews: it is probably of another
        format, and its first bad line shows why.
        """
        first, reviews, lines = None, 0, 0
        refused, labels = list[Fault](), set[str | None]()
        for item in parsed:
            if isinstance(item, Review):
                reviews += 1
                labels.add(item.label)
                yield item
            else:
                first = first or item
                lines += item.lines
                self._add(item)
                if isinstance(item.cause, RefusedLabelError):
                    refused.append(item)
        self.reviews += reviews
        if len(refused) > REFUSED * (reviews + len(refused)):
            raise _refusal(refused, labels, reviews + len(refused))
        if first and lines > reviews:
            share = "none of its lines" if not reviews else "fewer than half of its lines"
            raise Problem(
                f"{first.path}, line {first.line}: {first.what} ({share} can be used): "
                "correct the file, or set its format in params.yaml"
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
            "%s: %d bad lines skipped, %d reviews read, the first is %s, line %d: %s%s",
            *(dataset, self.lines, self.reviews, path, first, what, others),
        )


def _refusal(refused: list[Fault], labels: set[str | None], lines: int) -> Problem:
    """Return the Problem for refused labels, or for ratings if all of them are off the scale."""
    causes = [fault.cause for fault in refused if isinstance(fault.cause, OffScaleError)]
    first = refused[0]
    if len(causes) < len(refused):
        return Problem(
            f"{first.path}, line {first.line}: {first.what} ({len(refused)} of {lines} labels "
            "cannot be used): correct the file"
        )
    scale = causes[0].scale
    ratings = [cause.rating for cause in causes] + [float(label) for label in labels if label]
    outside = sum(not scale.low <= cause.rating <= scale.high for cause in causes)
    if outside:
        fault = f"{outside} are not from {scale.low:g} to {scale.high:g}"
        remedy = "set ratings: [lowest, highest] in preprocess, or correct the file"
    else:
        fault, remedy = f"{len(causes)} are neither whole nor half ones", "round them in the file"
    return Problem(
        f"{first.path}, line {first.line}: ratings run from {min(ratings):g} to {max(ratings):g}, "
        f"and {fault}: {remedy}"
    )


@dataclass(frozen=True)
class Stars:
    """Scale of ratings from `low` to `high`, in whole or half stars."""

    low: float = 1.0
    high: float = 5.0

    def label(self, value: object) -> str:
        """Return a rating as a class name. Raises ValueError where it is not one on the scale.

        >>> Stars().label("4.0")
        '4'
        """
        text = "" if value is None else str(value).strip()
        if text in MISSING:
            raise ValueError("the stars are missing")
        quoted = f"stars of {text[:SHOWN]!r}"
        try:
            stars = float(text) if not isinstance(value, bool) else math.inf
        except ValueError:
            stars = math.inf
        if not math.isfinite(stars) or "_" in text:
            raise RefusedLabelError(f"{quoted} are not a number")
        if not self.low <= stars <= self.high:
            what = f"{quoted} are not from {self.low:g} to {self.high:g}"
            raise OffScaleError(what, stars, self)
        if stars * STEPS_PER_STAR % 1:
            raise OffScaleError(f"{quoted} are neither whole nor half ones", stars, self)
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
            raise ValueError("the value is not text")
        if not text.strip():
            raise ValueError("the text is empty")
        if self.stars is not None:
            return Review(text, self.ratings.label(row.get(self.stars)))
        return Review(text, None if self.label is None else class_name(row.get(self.label)))
