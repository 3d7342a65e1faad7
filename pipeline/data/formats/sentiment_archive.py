"""Files of the Multi-Domain Sentiment archives: Amazon reviews as pseudo-XML, or as term counts.

In pseudo-XML, tags stand on lines of their own and text is not escaped. In the processed files, a
line is a review: `feature:count ... #label#:positive`.
"""

import html
from collections.abc import Iterator

from pipeline.data.text.reviews import Fault, Parsed, Review, Stars

LABEL = "#label#"


def text(content: bytes) -> str:
    """Return a file's text, decoded as UTF-8, or as Latin-1 where it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def blocks(content: bytes, path: str) -> Iterator[tuple[int, dict[str, str]] | Fault]:
    """Yield the number of the first line of each <review> and its fields by tag, or its Fault.

    The last of two fields of the same tag counts: the published files repeat <unique_id>.
    """
    first, tag = 0, ""
    fields: dict[str, str] = {}
    lines: list[str] = []
    for number, line in enumerate(text(content).split("\n"), start=1):
        if line == "<review>":
            if first:
                yield Fault(path, first, "the review has no end", number - first)
            first, fields, tag = number, {}, ""
        elif not first:
            if line.strip() and line not in ("<data>", "</data>"):
                yield Fault(path, number, "the line is in no review")
        elif tag:
            if line == f"</{tag}>":
                fields[tag], tag = "\n".join(lines).strip(), ""
            else:
                lines.append(line)
        elif line == "</review>":
            yield first, fields
            first = 0
        elif line.startswith("<") and line.endswith(">"):
            tag, lines = line[1:-1], []
        elif line.strip():
            yield Fault(path, number, "the line is in no field")
    if first:
        yield Fault(path, first, "the review has no end", number - first + 1)


def pseudo_xml(
    content: bytes, path: str, label: str | None, *, titles: bool, stars: bool
) -> Iterator[Parsed]:
    """Yield the reviews of a .review file, labeled with its polarity `label`, None if unknown.

    With `stars` the label is the rating instead. With `titles` the text begins with the title.
    """
    rating = Stars()
    for block in blocks(content, path):
        if isinstance(block, Fault):
            yield block
            continue
        line, fields = block
        wanted = ("title", "review_text") if titles else ("review_text",)
        words = html.unescape("\n".join(fields.get(tag, "") for tag in wanted)).strip()
        try:
            if "review_text" not in fields:
                raise ValueError("the review has no review_text")
            if not fields["review_text"]:
                raise ValueError("the text is empty")
            yield Review(words, rating.label(fields.get("rating")) if stars and label else label)
        except ValueError as error:
            yield Fault(path, line, str(error))


def counted(content: bytes, path: str, label: str | None) -> Iterator[Parsed]:
    """Yield the reviews of a processed file, as features separated by spaces.

    A line with another label than `label` is a Fault; if `label` is None, any label is accepted.
    """
    for number, line in enumerate(text(content).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            features, own = _features(line.split())
            if not features:
                raise ValueError("the review has no features")
            if label is not None and own != label:
                raise ValueError(f"the label is {own or 'missing'}, expected {label}")
            yield Review(" ".join(features), label)
        except ValueError as error:
            yield Fault(path, number, str(error))


def _features(parts: list[str]) -> tuple[list[str], str]:
    """Return the features of a line, which must have a count of at least 1, and its label."""
    features, label = [], ""
    for part in parts:
        feature, _, value = part.rpartition(":")
        if feature == LABEL:
            label = value
            continue
        try:
            counted = int(value) > 0
        except ValueError:
            counted = False
        if not (feature and counted):
            raise ValueError("a feature is not of the form name:count")
        features.append(feature)
    return features, label
