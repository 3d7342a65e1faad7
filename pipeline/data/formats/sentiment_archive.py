"""The Multi-Domain Sentiment archives: Amazon reviews as pseudo-XML, or counted already.

In the first the tags stand on lines of their own and nothing is escaped by rule; in the second a
line is a review, `feature:count ... #label#:positive`.
"""

import html
from collections.abc import Iterator

from pipeline.data.text.reviews import Fault, Found, Review, Stars

LABEL = "#label#"


def text(content: bytes) -> str:
    """Return a file's text: UTF-8, or where it is not, Latin-1, which every byte is."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def blocks(content: bytes, path: str) -> Iterator[tuple[int, dict[str, str]] | Fault]:
    """Yield the first line of each <review> and its fields, by tag.

    Of a field that is there twice the last counts: so the published files repeat <unique_id>.
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
    if first:
        yield Fault(path, first, "the review has no end", number - first + 1)


def pseudo_xml(
    content: bytes, path: str, label: str | None, *, titles: bool, stars: bool
) -> Iterator[Found]:
    """Yield the reviews of a .review file, all of them of one polarity `label`, None for unknown.

    With `stars` the label of each is its rating instead. With `titles` the title comes first.
    """
    rating = Stars()
    for block in blocks(content, path):
        if isinstance(block, Fault):
            yield block
            continue
        line, fields = block
        wanted = ("title", "review_text") if titles else ("review_text",)
        said = html.unescape("\n".join(fields.get(tag, "") for tag in wanted)).strip()
        try:
            if "review_text" not in fields:
                raise ValueError("the review has no review_text")
            if not fields["review_text"]:
                raise ValueError("the text is empty")
            yield Review(said, rating.label(fields.get("rating")) if stars and label else label)
        except ValueError as error:
            yield Fault(path, line, str(error))


def counted(content: bytes, path: str, label: str | None) -> Iterator[Found]:
    """Yield the reviews of a processed file: their features, separated by spaces.

    A line whose own label is not `label` is a fault; without one the lines' labels do not matter.
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
    """Return the features that a line counts at least once, and its label."""
    features, label = [], ""
    for part in parts:
        feature, _, value = part.rpartition(":")
        if feature == LABEL:
            label = value
            continue
        try:
            there = int(value) > 0
        except ValueError:
            there = False
        if not (feature and there):
            raise ValueError("a feature is not of the form name:count")
        features.append(feature)
    return features, label
