"""Data card: origin, license, preparation and statistics of a dataset.

Legend of shape suffixes: N examples.
"""

import hashlib
import inspect
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.params import Section
from pipeline.data.cards.samples import samples
from pipeline.data.cards.split_statistics import DIGITS, input_range, labels, text_statistics
from pipeline.data.download import inventory
from pipeline.data.sources import own
from pipeline.data.sources.dataset import Dataset
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import read_encoding
from pipeline.runtime import storage
from pipeline.runtime.storage import Record

METADATA = ("title", "license", "citation", "note")  # of the user's own data, in params.yaml
FREQUENT = 20  # terms that a card lists
EXACT = 1000  # a scale is written as a fraction where its denominator is at most this


def write(
    dataset: Dataset, source: Section, options: Section, *, raw: Path, ready: Path, out: Path
) -> None:
    """Write card.json and samples.npz into the folder `out`: the same data give the same bytes.

    Raises Problem where a raw file or a split is absent.
    """
    storage.write_json(out / "card.json", card(dataset, source, options, raw=raw, ready=ready))
    storage.write_bytes(out / "samples.npz", samples(ready))


def card(
    dataset: Dataset, source: Section, options: Section, *, raw: Path, ready: Path
) -> dict[str, Any]:
    """Return the content of card.json.

    `source` and `options` are the dataset's two blocks of params.yaml, `raw` and `ready` the
    folders of its raw files and splits. `range` has the lowest and highest network input of the
    training split, `bounds` their limits by construction. Only datasets of texts have `text`.

    Raises Problem where a raw file or a split is absent.
    """
    train = ready / "train.npz"
    form = read_encoding(train)
    dtype, low, high = input_range(train, form)
    return {
        "dataset": dataset.name,
        **_described(dataset, source),
        **_origins(dataset, source, raw),
        "splits": {part: _counts(ready / f"{part}.npz", form.classes) for part in inventory.PARTS},
        "class_names": list(form.class_names),
        "shape": list(form.shape),
        "inputs": form.inputs,
        "stored": dtype,
        "preparation": preparation(form),
        "range": [low, high],
        "bounds": list(form.bounds),
        "rule": rule(dataset.split),
        "options": _options(source, options, raw),
        "generator": _generator(form, train),
        **({"text": text_statistics(train, form, FREQUENT)} if form.vocabulary else {}),
    }


def preparation(form: Encoding) -> str:
    """Return the formula by which a stored value becomes an input, in words.

    >>> preparation(Encoding((2, 2), ("a", "b"), scale=2 / 255, offset=-1.0))
    'value * 2/255 - 1'
    """
    if form.vocabulary:
        return "1 where the text has the term"
    text = "value"
    if form.scale != 1:
        exact = Fraction(form.scale).limit_denominator(EXACT)
        scale = str(exact) if float(exact) == form.scale else f"{form.scale:.{DIGITS}g}"
        text += f" * {scale}"
    if form.offset:
        text += f" {'+' if form.offset > 0 else '-'} {abs(form.offset):.{DIGITS}g}"
    if form.centered:
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
    relevant = own.relevant(source.kind, options) | ({"valid", "test"} - given)
    return {name: value for name, value in chosen.items() if name in relevant}


def _origins(dataset: Dataset, source: Section, raw: Path) -> dict[str, Any]:
    """Return the list of raw files, or the number and size of the user's own files."""
    if (raw / inventory.FILE).exists():
        files = inventory.read(raw).files
        own_files = {
            "files": len(files),
            "bytes": sum(file.size for file in files),
            "fingerprint": storage.fingerprint([file.model_dump() for file in files]),
        }
        return {"files": [], "own_files": own_files}
    official = [
        {
            "name": file.name,
            "bytes": _size(raw / file.name),
            "algorithm": file.algorithm,
            "digest": file.digest or storage.digest(raw / file.name),
            "digest_of": "what its gzip holds" if file.expanded and file.digest else "the file",
            "official": bool(file.digest),
        }
        for file in dataset.files(source)
    ]
    return {
        "files": official or [_written(path) for path in sorted(raw.iterdir())],
        "own_files": None,
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


def _generator(form: Encoding, train: Path) -> dict[str, Any] | None:
    """Return the recipe of the training images; None where they are those of the split."""
    if not form.pipeline:
        return None
    return {
        "recipe": form.pipeline,
        "modules": [module.name for module in pipelines.PIPELINES[form.pipeline]],
        "most_complexity": pipelines.MAXIMUM,
        "characters": len(labels(train)),
    }
