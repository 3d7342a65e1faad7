"""Small files of reviews, and the corpora read from them."""

import json
from pathlib import Path
from typing import Any

from pipeline.data.sources import own
from pipeline.data.text.corpus import Corpus
from pipeline.data.text.reviews import Columns, Fault, Parsed, Review

STARS = Columns("text", stars="stars")
LABEL = Columns("text", label="label")


def parted(found: list[Parsed]) -> tuple[list[Review], list[Fault]]:
    """Return the reviews and the faults of a reader."""
    return (
        [item for item in found if isinstance(item, Review)],
        [item for item in found if isinstance(item, Fault)],
    )


def reviews(count: int) -> list[dict[str, Any]]:
    """Return reviews of 1 to 5 stars in turn; each has a word of its own and one of its stars."""
    return [{"text": f"word{n} stars{n % 5 + 1} Common", "stars": n % 5 + 1} for n in range(count)]


def jsonl(path: Path, rows: list[Any]) -> Path:
    """Write one JSON object per line; strings are written unchanged."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def splits(folder: Path, source: dict[str, Any], **options: Any):
    """Return the splits of own reviews: `download`, then `preprocess`."""
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    entry = own.entry("mine")
    assert entry.write_raw
    entry.write_raw(raw, own.Source.model_validate(source))
    return entry.split(raw, own.Preprocess.model_validate({"terms": 3} | options))


def texts_of(corpus: Corpus) -> list[set[str]]:
    """Return the terms of each review of a corpus."""
    return [{corpus.terms[t] for t in row.indices} for row in corpus.x_NT]
