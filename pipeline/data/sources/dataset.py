"""Entries of the catalogue of datasets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.params import Section
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.splits.split import Splits
from pipeline.data.text.reviews import Review


class NoOptions(Section):
    """Block of params.yaml without keys."""


@dataclass(frozen=True)
class Dataset:
    """Entry of the catalogue: metadata of a dataset, its official files and its splits.

    `source` and `preprocess` are the schemas of the two blocks of params.yaml: settings of the
    download, and settings of the splits. `files(source)` returns the official files, which are
    those of the dataset `origin` where that is not empty. A dataset without official files has
    `write_raw(folder, source)`, which writes its raw files. `split(folder, preprocess)` returns the
    three splits made from the folder of raw files. `official_test(folder)` returns the labeled
    reviews of an official test part that is in none of the splits.
    """

    name: str
    title: str
    address: str  # web page of the dataset, or the package that contains it
    citation: str
    license: str
    split: Callable[[Path, Any], Splits]
    source: type[Section] = NoOptions
    preprocess: type[Section] = NoOptions
    files: Callable[[Any], tuple[RemoteFile, ...]] = lambda _: ()
    write_raw: Callable[[Path, Any], None] | None = None
    origin: str = ""
    official_test: Callable[[Path], list[Review]] | None = None
