"""The user's own reviews: JSON Lines and CSV files, read line by line."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.data.download import inventory
from pipeline.data.download.inventory import File, Inventory, Place
from pipeline.data.formats import review_files
from pipeline.data.splits.vocabulary import Tokenizer
from pipeline.data.text.corpus import Corpus, gather
from pipeline.data.text.reviews import Columns, Parsed
from pipeline.runtime.errors import Problem

JSON = {".jsonl", ".json", ".ndjson"}
TABLES = {".csv", ".tsv"}


def take(dataset: str, labeled: list[str], unlabeled: list[str]) -> Inventory:
    """Return the stock of files of reviews, in the order given, unlabeled ones last.

    Raises Problem where one is absent or named twice.
    """
    files: dict[str, File] = {}
    for key, paths in (("reviews", labeled), ("unlabeled", unlabeled)):
        mark = {"unlabeled": True} if key == "unlabeled" else {}
        for path in paths:
            if not Path(path).is_file():
                raise inventory.absent(dataset, key, path)
            if path in files:
                raise Problem(
                    f"params.yaml: datasets.{dataset}.source has {path} twice: name it once"
                )
            files[path] = _measured(path).model_copy(update={"path": path, **mark})
    found = [*files.values()]
    return Inventory(dataset=dataset, kind="reviews", path=", ".join(files), files=found)


def _measured(path: str) -> File:
    try:
        return inventory.measure(Place(Path(path)), Path(path).parent)
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}") from error


def corpus(
    stock: Inventory, columns: Columns, tokens: Tokenizer, *, delimiter: str, encoding: str
) -> Corpus:
    """Return the reviews of the files that stock was taken of.

    Raises Problem where a file cannot be used or has changed.
    """
    files = [file_reviews(stock, file, columns, delimiter, encoding) for file in stock.files]
    return gather(stock.dataset, files, tokens, stars=columns.stars is not None)


def file_reviews(
    stock: Inventory, file: File, columns: Columns, delimiter: str, encoding: str
) -> Iterator[Parsed]:
    """Yield the reviews of one file; of an unlabeled one the column of the text alone matters."""
    if file.unlabeled:
        columns = replace(columns, stars=None, label=None)
    with stock.stream(file) as opened:
        yield from parse(opened, file.path, columns, delimiter=delimiter, encoding=encoding)


def parse(
    opened: io.RawIOBase, path: str, columns: Columns, *, delimiter: str, encoding: str
) -> Iterator[Parsed]:
    """Yield the reviews of an open file, as its suffix says: .jsonl, .json, .ndjson, .csv or .tsv.

    Raises Problem for another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in JSON | TABLES:
        raise Problem(f"{path} ends neither in .jsonl nor in .csv: rename it to what it is")
    newline = "\n" if suffix in JSON else ""
    lines = review_files.lines(opened, path, encoding, newline=newline)
    if suffix in JSON:
        yield from review_files.read_json_lines(lines, path, columns)
    else:
        yield from review_files.read_csv(lines, path, columns, delimiter=delimiter)
