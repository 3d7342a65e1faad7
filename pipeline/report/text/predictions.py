"""Predictions of new texts in words, and as JSON."""

import json

from pipeline.evaluation.prediction import Prediction
from pipeline.runtime import storage

SHOWN = 70  # characters of a text


def as_json(text: str, prediction: Prediction, seed: int) -> str:
    """Return one line of JSON: the whole text, the network's seed, and its prediction."""
    record = {"text": text, "seed": seed} | prediction.record()
    return json.dumps(storage.finite(record), allow_nan=False)


def as_text(text: str, prediction: Prediction, seed: int) -> str:
    """Return a paragraph: the beginning of the text, then the network's prediction."""
    chances = ", ".join(f"{name}: {100 * p:.1f}%" for name, p in prediction.probabilities.items())
    lines = [
        _beginning(text),
        f"  predicted: {prediction.predicted} ({chances}; network of seed {seed})",
    ]
    if prediction.stars is not None:
        lines += [f"  expected stars: {prediction.stars:.2f}"]
    if not prediction.known:
        lines += ["  no term is in the vocabulary: the prediction is that for an empty text"]
    if prediction.terms:
        lines += [f"  terms, by how much each raises the {prediction.effect_on}:"]
        lines += [f"    {effect:+8.3f}  {term}" for term, effect in prediction.terms]
    lines += [f"  terms in the vocabulary: {prediction.known}, not in it: {prediction.unknown}", ""]
    return "\n".join(lines)


def _beginning(text: str) -> str:
    """Return the first characters on one line, without control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * SHOWN]).split())
    return line if len(line) <= SHOWN and len(text) <= 4 * SHOWN else f"{line[:SHOWN]}..."
