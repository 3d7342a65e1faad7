"""Predictions of new texts in words, and as JSON."""

import json

from pipeline.evaluation.prediction import Prediction
from pipeline.runtime import storage

SHOWN = 70  # characters of a text: enough to know it again


def as_json(text: str, said: Prediction, seed: int) -> str:
    """Return one line of JSON: the whole text, the seed of the network, and what it says."""
    told = {"text": text, "seed": seed} | said.record()
    return json.dumps(storage.finite(told), allow_nan=False)


def as_text(text: str, said: Prediction, seed: int) -> str:
    """Return a paragraph: the beginning of the text, then what the network says of it."""
    chances = ", ".join(f"{name}: {100 * p:.1f}%" for name, p in said.probabilities.items())
    lines = [_beginning(text), f"  predicted: {said.predicted} ({chances}; network of seed {seed})"]
    if said.stars is not None:
        lines += [f"  expected stars: {said.stars:.2f}"]
    if not said.known:
        lines += ["  no term is in the vocabulary: this is what is said of a text without words"]
    if said.terms:
        lines += [f"  terms, by how much each raises the {said.effect_on}:"]
        lines += [f"    {effect:+8.3f}  {term}" for term, effect in said.terms]
    lines += [f"  terms in the vocabulary: {said.known}, not in it: {said.unknown}", ""]
    return "\n".join(lines)


def _beginning(text: str) -> str:
    """Return the first characters on one line, without what a terminal would obey."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * SHOWN]).split())
    return line if len(line) <= SHOWN and len(text) <= 4 * SHOWN else f"{line[:SHOWN]}..."
