"""The card of a dataset: what it is, where it comes from, and what is in its three splits.

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
from pipeline.data.cards.split_statistics import DIGITS, labels, of_texts, span
from pipeline.data.download import inventory
from pipeline.data.sources import own
from pipeline.data.sources.entry import Dataset
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import read_encoding
from pipeline.runtime import storage
from pipeline.runtime.storage import Record

PARTS = ("train", "valid", "test")
TOLD = ("title", "license", "citation", "note")  # what users may say of their own data
FREQUENT = 20  # terms that a card names
EXACT = 1000  # a scale is told as a fraction where its denominator is at most this


def write(
    dataset: Dataset, source: Section, options: Section, *, raw: Path, ready: Path, out: Path
) -> None:
    """Write card.json and samples.npz into the folder `out`: same raw files and splits, same bytes.

    Raises Problem where a raw file or a split is absent.
    """
    storage.write_json(out / "card.json", card(dataset, source, options, raw=raw, ready=ready))
    storage.write_bytes(out / "samples.npz", samples(ready))


def card(
    dataset: Dataset, source: Section, options: Section, *, raw: Path, ready: Path
) -> dict[str, Any]:
    """Return what card.json holds of a dataset whose raw files and splits are in two folders.

    `source` and `options` are its two blocks of params.yaml. `range` is what the network's inputs
    span in the training split, `bounds` what they may. Of no split more than a block is in memory,
    or of texts their terms. `text` is there for texts alone.

    Raises Problem where a raw file or a split is absent.
    """
    form = read_encoding(ready / "train.npz")
    dtype, low, high = span(ready / "train.npz", form)
    return {
        "dataset": dataset.name,
        **_described(dataset, source),
        **_origins(dataset, source, raw),
        "splits": {part: _counts(ready / f"{part}.npz", form.classes) for part in PARTS},
        "class_names": list(form.class_names),
        "shape": list(form.shape),
        "inputs": form.inputs,
        "stored": dtype,
        "preparation": preparation(form),
        "range": [low, high],
        "bounds": list(form.bounds),
        "rule": rule(dataset.split),
        "options": _options(source, options, raw),
        "generator": _generator(form, ready / "train.npz"),
        **({"text": of_texts(ready / "train.npz", form, FREQUENT)} if form.vocabulary else {}),
    }


def preparation(form: Encoding) -> str:
    """Return in words how a stored value becomes an input.

    >>> preparation(Encoding((2, 2), ("a", "b"), scale=2 / 255, offset=-1.0))
    'value * 2/255 - 1'
    """
    if form.vocabulary:
        return "1 where the text has the term"
    text = "value"
    if form.scale != 1:
        exact = Fraction(form.scale).limit_denominator(EXACT)
        told = str(exact) if float(exact) == form.scale else f"{form.scale:.{DIGITS}g}"
        text += f" * {told}"
    if form.offset:
        text += f" {'+' if form.offset > 0 else '-'} {abs(form.offset):.{DIGITS}g}"
    if form.centered:
        text += ", less the mean of its example"
    return text if text != "value" else "value as stored"


def rule(split: Callable[..., Any]) -> str:
    """Return in words what a split function makes: its docstring's first paragraph, or nothing."""
    text = inspect.getdoc(getattr(split, "func", split)) or ""
    first = " ".join(text.split("\n\n")[0].split()).removeprefix("Return ")
    return first[:1].upper() + first[1:]


def _described(dataset: Dataset, source: Section) -> dict[str, str | None]:
    known = {"title": dataset.title, "address": dataset.address, "citation": dataset.citation}
    told = {name: getattr(source, name) for name in TOLD} if isinstance(source, own.Source) else {}
    said = {name: text for name, text in told.items() if text is not None}
    return known | {"license": dataset.license, "note": None} | said


def _options(source: Section, options: Section, raw: Path) -> dict[str, Any]:
    """Return the options of preprocess; of the user's own data those that matter to their kind."""
    chosen = options.model_dump(mode="json", exclude_none=True)
    if not isinstance(source, own.Source):
        return chosen
    given = {file.part for file in inventory.read(raw).files}
    matter = own.matters(source.kind, options) | ({"valid", "test"} - given)
    return {name: value for name, value in chosen.items() if name in matter}


def _origins(dataset: Dataset, source: Section, raw: Path) -> dict[str, Any]:
    """Return the raw files one by one, or of the user's own files how many and how long."""
    if (raw / inventory.FILE).exists():
        files = inventory.read(raw).files
        told = {
            "files": len(files),
            "bytes": sum(file.size for file in files),
            "fingerprint": storage.fingerprint([file.model_dump() for file in files]),
        }
        return {"files": [], "own_files": told}
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
    return {"files": official or [_made(path) for path in sorted(raw.iterdir())], "own_files": None}


def _made(path: Path) -> Record:
    """Return what is told of an npz file that `download` wrote itself.

    Releases of Python write other zip headers, so the digest is that of the arrays within.
    """
    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            digest.update(archive.read(name))
    told = {"algorithm": "sha256", "digest": digest.hexdigest(), "digest_of": "what its zip holds"}
    return {"name": path.name, "bytes": _size(path), **told, "official": False}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError as error:
        raise storage.unreadable(path, error) from error


def _counts(path: Path, classes: int) -> dict[str, Any]:
    read_encoding(path)  # says what is wrong where the split is absent
    y_N = labels(path)
    y_N = y_N[y_N >= 0]  # texts without a label are told of elsewhere
    return {"examples": len(y_N), "by_class": np.bincount(y_N, minlength=classes).tolist()}


def _generator(form: Encoding, train: Path) -> dict[str, Any] | None:
    """Return how training images are drawn; None where they are those of the split."""
    if not form.pipeline:
        return None
    return {
        "recipe": form.pipeline,
        "modules": [module.name for module in pipelines.PIPELINES[form.pipeline]],
        "most_complexity": pipelines.MAXIMUM,
        "characters": len(labels(train)),
    }
