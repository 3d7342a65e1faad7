"""Data card: origin, license, preparation and statistics of a dataset.

Legend of shape suffixes: N examples.
"""

import hashlib
import inspect
import logging
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import Section
from pipeline.data.cards.samples import samples
from pipeline.data.cards.split_statistics import (
    DIGITS,
    input_range,
    labels,
    notes,
    repeated,
    text_statistics,
)
from pipeline.data.download import inventory
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.sources import own
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import read_encoding
from pipeline.runtime import storage
from pipeline.runtime.storage import Record

log = logging.getLogger(__name__)

METADATA = ("title", "license", "citation", "note")  # of the user's own data, in params.yaml
FREQUENT = 20  # terms that a card lists
EXACT = 1000  # a scale is written as a fraction where its denominator is at most this


def write(
    dataset: Dataset, source: Section, options: Section, *, raw: Path, ready: Path, out: Path
) -> None:
    """Write card.json and samples.npz into the folder `out`: the same data give the same bytes.

    Raises Problem where a raw file or a split is absent.
    """
    content = card(dataset, source, options, raw=raw, ready=ready)
    _warn(content)
    storage.write_json(out / "card.json", content)
    storage.write_bytes(out / "samples.npz", samples(ready))


def card(
    dataset: Dataset, source: Section, options: Section, *, raw: Path, ready: Path
) -> dict[str, Any]:
    """Return the content of card.json.

    `source` and `options` are the dataset's two blocks of params.yaml, `raw` and `ready` the
    folders of its raw files and splits. `range` has the lowest and highest network input of the
    training split, `bounds` their limits by construction. Only datasets of texts have `text`, and
    only the user's own images and tables `duplicates` and `index_columns`, where there are any.

    Raises Problem where a raw file or a split is absent.
    """
    train = ready / "train.npz"
    encoding = read_encoding(train)
    dtype, low, high = input_range(train, encoding)
    return {
        "dataset": dataset.name,
        **_described(dataset, source),
        **_origins(dataset, source, raw),
        "splits": {
            part: _counts(ready / f"{part}.npz", encoding.classes) for part in inventory.PARTS
        },
        "class_names": list(encoding.class_names),
        "shape": list(encoding.shape),
        "inputs": encoding.inputs,
        "stored": dtype,
        "preparation": preparation(encoding),
        "range": [low, high],
        "bounds": list(encoding.bounds),
        "rule": rule(dataset.split),
        "options": _options(source, options, raw),
        "generator": _generator(encoding, train),
        **({"text": text_statistics(train, encoding, FREQUENT)} if encoding.vocabulary else {}),
        **_suspicions(source, encoding, ready),
    }


def _suspicions(source: Section, encoding: Encoding, ready: Path) -> Record:
    """Return faults of the user's own images, rows or texts.

    They are examples with the same inputs, and columns that number the rows.
    """
    if not isinstance(source, own.Source):
        return {}
    found = notes(ready / "train.npz")
    counts = found.get("duplicates")
    if counts is None and not encoding.vocabulary:
        counts = repeated(ready)  # of images
    suspicions = {"duplicates": counts, "index_columns": found.get("index_columns")}
    return {name: suspicion for name, suspicion in suspicions.items() if suspicion}


def _warn(card: Record) -> None:
    """Warn in one line of the log of duplicates between splits or classes."""
    if counts := card.get("duplicates"):
        log.warning(
            "%s: the same inputs occur twice: %d validation examples are also in training, %d test "
            "examples in training or validation, %d examples are in two classes: remove the "
            "duplicates, or errors are biased",
            *(card["dataset"], counts["valid_in_train"], counts["test_in_train"]),
            counts["in_two_classes"],
        )


def preparation(encoding: Encoding) -> str:
    """Return the formula by which a stored value becomes an input, in words.

    >>> preparation(Encoding((2, 2), ("a", "b"), scale=2 / 255, offset=-1.0))
    'value * 2/255 - 1'
    """
    if encoding.vocabulary:
        return "1 where the text has the term"
    text = "value"
    if encoding.scale != 1:
        exact = Fraction(encoding.scale).limit_denominator(EXACT)
        scale = str(exact) if float(exact) == encoding.scale else f"{encoding.scale:.{DIGITS}g}"
        text += f" * {scale}"
    if encoding.offset:
        text += f" {'+' if encoding.offset > 0 else '-'} {abs(encoding.offset):.{DIGITS}g}"
    if encoding.centered:
        text += ", less the mean of its example"
    return text if text != "value" else "value as stored"


def rule(split: Callable[..., Any]) -> str:
    """Return the rule of a split function: the first paragraph of its docstring, or nothing."""
    text = inspect.getdoc(getattr(split, "func", split)) or ""
    first = " ".join(text.split("\n\n")[0].split()).removeprefix("Return ")
    return first[:1].upper() + first[1:]


def _described(dataset: Dataset, source: Section) -> dict[str, str | None]:
    described: dict[str, str | None] = {
        **{"title": dataset.title, "address": dataset.address, "citation": dataset.citation},
        **{"license": dataset.license, "note": None},
    }
    if isinstance(source, own.Source):
        described |= source.model_dump(include={*METADATA}, exclude_none=True)
    return described


def _options(source: Section, options: Section, raw: Path) -> dict[str, Any]:
    """Return the options of preprocess; for the user's own data those of their kind."""
    chosen = options.model_dump(mode="json", exclude_none=True)
    if not isinstance(source, own.Source):
        return chosen
    given = {file.part for file in inventory.read(raw).files}
    shares = [name for name in ("valid", "test") if name not in given]
    relevant = own.relevant(source.kind, options) | {*shares}
    ordered = [*(name for name in chosen if name not in shares), *shares]
    return {name: chosen[name] for name in ordered if name in relevant}


def _origins(dataset: Dataset, source: Section, raw: Path) -> dict[str, Any]:
    """Return the list of raw files, or the number and size of the user's own files."""
    if (raw / inventory.FILE).exists():
        files = inventory.read(raw).files
        own_files = {
            "files": len(files),
            "bytes": sum(file.size for file in files),
            "fingerprint": storage.fingerprint(
                # Older inventories know no unlabeled files: the fingerprint stays the same.
                [
                    file.model_dump(exclude=None if file.unlabeled else {"unlabeled"})
                    for file in files
                ]
            ),
        }
        return {"files": [], "own_files": own_files}
    official = [_downloaded(file, raw / file.name) for file in dataset.files(source)]
    return {
        "files": official or [_written(path) for path in sorted(raw.iterdir())],
        "own_files": None,
    }


def _downloaded(file: RemoteFile, path: Path) -> Record:
    """Return the description of an official file, or of a copy that was packed again."""
    described = {"name": file.name, "bytes": _size(path), "algorithm": file.algorithm}
    if file.repacked and described["bytes"] != file.size:
        digest = {"digest": file.repacked.digest, "digest_of": file.repacked.content}
        return described | digest | {"official": False, "repacked": True}
    return described | {
        "digest": file.digest or storage.digest(path),
        "digest_of": "what its gzip holds" if file.expanded and file.digest else "the file",
        "official": bool(file.digest),
    }


def _written(path: Path) -> Record:
    """Return the description of an npz file that `download` wrote.

    Releases of Python write different zip headers, so the digest is that of the arrays.
    """
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            digest.update(archive.read(name))
    return {
        **{"name": path.name, "bytes": _size(path), "algorithm": "sha256"},
        **{"digest": digest.hexdigest(), "digest_of": "what its zip holds", "official": False},
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise storage.unreadable(path, error) from error


def _counts(path: Path, classes: int) -> dict[str, Any]:
    read_encoding(path)  # raises Problem where the split is absent
    y_N = labels(path)
    y_N = y_N[y_N >= 0]  # `text` counts the texts without a label
    return {"examples": len(y_N), "by_class": np.bincount(y_N, minlength=classes).tolist()}


def _generator(encoding: Encoding, train: Path) -> dict[str, Any] | None:
    """Return the recipe of the training images; None where they are those of the split."""
    if not encoding.pipeline:
        return None
    return {
        "recipe": encoding.pipeline,
        "modules": [module.name for module in pipelines.PIPELINES[encoding.pipeline]],
        "most_complexity": pipelines.MAXIMUM,
        "characters": len(labels(train)),
    }
