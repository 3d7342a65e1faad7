"""What the catalogue holds of each dataset."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.params import Section
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.splits.split import Splits


class NoOptions(Section):
    """Nothing to choose."""


def no_files(_: Any) -> tuple[RemoteFile, ...]:
    """Return the official files of a dataset that has none."""
    return ()


@dataclass(frozen=True)
class Dataset:
    """One entry of the catalogue.

    `source` and `preprocess` are the forms of its two blocks in params.yaml: what `download` has to
    know, and what may be chosen when the raw files become splits. `files(source)` are the official
    files, those of the dataset `origin` where it is not empty; a dataset without any files has
    `embed(folder, source)`, which writes raw files of its own. `split(folder, preprocess)` turns
    the folder of raw files into three splits.
    """

    name: str
    title: str
    address: str  # where people find it, or what it comes with
    citation: str
    license: str
    split: Callable[[Path, Any], Splits]
    source: type[Section] = NoOptions
    preprocess: type[Section] = NoOptions
    files: Callable[[Any], tuple[RemoteFile, ...]] = no_files
    embed: Callable[[Path, Any], None] | None = None
    origin: str = ""
