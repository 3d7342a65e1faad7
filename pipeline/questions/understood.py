"""Description of a question's data for the terminal, from its data card."""

from collections.abc import Mapping
from typing import Any

from pipeline.analysis.criterion import written
from pipeline.report.text.wording import plural
from pipeline.runtime.errors import printable

SHOWN = 6  # classes that are listed
RARE = 1 / 3  # of the mean number of examples per class: smaller classes are noted


def lines(card: Mapping[str, Any], what: str, margin: float) -> list[str]:
    """Return lines of text: files, classes, inputs and splits, then each oddity as a note.

    `card` is the content of card.json, `margin` the equivalence margin in points.
    """
    splits, names = card["splits"], card["class_names"]
    counts = [sum(pair) for pair in zip(*(s["by_class"] for s in splits.values()), strict=True)]
    classes = ", ".join(f"{n} ({c:,})" for n, c in zip(names[:SHOWN], counts, strict=False))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    parts = [f"{splits[part]['examples']:,} {verb}" for part, verb in VERBS.items()]
    options = card["options"]
    scaled = "bytes" if card["stored"] == "uint8" else options.get("scaling")
    scaling = f", {SCALED[scaled]}" if options.get("scaling") else ""
    low, high = (f"{end:.3g}" for end in card["range"])
    text = [
        f"data:    {what}",
        f"classes: {len(names)}: {classes}{more}",
        f"inputs:  {card['inputs']:,}{scaling}, from {low} to {high}",
        f"splits:  {', '.join(parts)}",
    ]
    notes = [f"note:    {line}" for line in _oddities(splits, names, counts, margin)]
    return [printable(line) for line in text + notes]


VERBS = {"train": "examples train", "valid": "choose rate and epoch", "test": "test"}
SCALED = {
    "standardized": "standardized by their training part",
    "bytes": "bytes divided by 255",
    "range": "scaled to [0, 1] by their training part",
}


def _oddities(
    splits: Mapping[str, Any], names: list[str], counts: list[int], margin: float
) -> list[str]:
    found = []
    step = 100 / splits["test"]["examples"]
    if step > margin:
        found.append(
            f"one test example is {written(step, 2)} points of error, more than the margin of "
            f"{margin:g}: the answer holds for these test examples, and may not for others"
        )
    rare = [n for n, c in zip(names, counts, strict=True) if c < RARE * sum(counts) / len(counts)]
    if rare:
        shown = ", ".join(rare[:SHOWN])
        found.append(f"rare {plural(len(rare), 'class').replace('classs', 'classes')}: {shown}")
    return found
