"""What the report says of texts: their terms, and the lines of their files that were no use."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.text.summary import percent, plural

NAMED = 3  # causes of bad lines that are told in full


def facts(text: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts about texts, each under its name, from the part of the card that tells them."""
    return [("Terms", _terms(text)), ("Repeated", _repeated(text)), ("Bad lines", _bad(text))]


def folds(options: Mapping[str, Any]) -> str:
    """Return how the labeled texts are divided into folds, from the options of preprocess."""
    labels, of_the_others = options.get("labels"), "of the other labeled texts"
    text = f"Each seed tests on its own fold of {options['folds']} that share the classes alike"
    if labels is not None:
        text += f"; {labels:,} {of_the_others} keep their labels, the rest are unlabeled"
        of_the_others = "of those"
    valid = percent(options["valid"], 0)
    return (
        f"{text}; {valid}% {of_the_others} validate; each seed has the terms of its own training "
        "part. Counts are those of seed 0."
    )


def _terms(text: Mapping[str, Any]) -> str:
    fewest, most = text["ngrams"]
    words = plural(most, "word") if fewest == most else f"to {most} words"
    frequent = ", ".join(text["frequent"])
    return (
        f"the {text['terms']:,} of {fewest} {words} that most training texts have; a text has "
        f"{text['terms_per_text']:g} of them ({100 * text['ones']:.2g}% of the inputs are not "
        f"zero); most often: {frequent}"
    )


def _repeated(text: Mapping[str, Any]) -> str:
    count = text["repeated"]
    return f"{count:,} {plural(count, 'text')} word for word like an earlier one" if count else ""


def _bad(text: Mapping[str, Any]) -> str:
    """Return how many lines were left out and why; that there was none is told too.

    >>> _bad({"bad_lines": []})
    'none'
    """
    bad = text["bad_lines"]
    causes = [
        f"{cause['lines']:,} in {cause['file']} from line {cause['first']} on: {cause['what']}"
        for cause in bad[:NAMED]
    ]
    others = [f"{len(bad) - NAMED} more causes in card.json"] if len(bad) > NAMED else []
    return "; ".join([*causes, *others]) or "none"
