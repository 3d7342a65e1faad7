"""Overview of the datasets: download size, requirements, and files that are on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import walk
from pathlib import Path

from pipeline.config.params import Params, Section
from pipeline.data import catalogue
from pipeline.data.download import inventory
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.download.inventory import Inventory
from pipeline.data.sources import amazon, own
from pipeline.data.sources.dataset import Dataset
from pipeline.runtime.errors import printable

# Approximate bytes of downloads that have files without a published size.
UNPUBLISHED = {"norb": 6_200_000_000, "nistp": 1_000_000_000} | dict.fromkeys(
    (entry.name for entry in amazon.AMAZON), 30_000_000
)
# Disk space counts the downloads, to which raw files are links, and the splits.
NEEDS = {"norb": "7 GB of disk", "nistp": "2 GB of disk", "yelp": "your copy"}
OWN_NEEDS = {"folder": "your folder", "reviews": "your reviews"}


@dataclass(frozen=True)
class Folders:
    """Folders of downloads, raw files and splits, and of a local mirror if there is one."""

    downloads: Path
    raw: Path
    ready: Path
    mirror: Path | None = None


@dataclass(frozen=True)
class Row:
    """One dataset of the overview, in words; `run` where params.yaml runs the dataset."""

    name: str
    title: str
    download: str
    needs: str
    here: str
    run: bool


def rows(params: Params, folders: Folders) -> list[Row]:
    """Return a row for each dataset of the catalogue, then for each of the user's own.

    Files on disk are recognized by name and size: their hashes were verified by the download.
    Raises Problem for a dataset of params.yaml that is unknown, or has a wrong source.
    """
    others = [name for name in params.datasets if name not in catalogue.CATALOGUE]
    return [_row(params, name, folders) for name in (*catalogue.CATALOGUE, *others)]


def _row(params: Params, name: str, folders: Folders) -> Row:
    listed = name in params.datasets
    dataset = catalogue.entry(params, name) if listed else catalogue.CATALOGUE[name]
    source = params.source_for(name, dataset.source) if listed else dataset.source()
    title, needs = dataset.title, NEEDS.get(name, "")
    if isinstance(source, own.Source):
        title = printable(" ".join((source.title or title).split()))
        needs = OWN_NEEDS.get(source.kind, f"your .{source.kind} file")
    return Row(
        name,
        title,
        download=download_size(name, dataset.files(source)),
        needs=needs,
        here=", ".join(_on_disk(dataset, source, folders)),
        run=name in params.run.datasets,
    )


def catalogued() -> list[tuple[str, str, str]]:
    """Return the name, title and download size, in words, of each dataset of the catalogue."""
    return [
        (name, entry.title, download_size(name, entry.files(entry.source())))
        for name, entry in catalogue.CATALOGUE.items()
    ]


def download_size(name: str, files: tuple[RemoteFile, ...]) -> str:
    """Return the size of a dataset's download in words: `none`, `12 MB`, `about 1 GB`."""
    if not files:
        return "none"
    sizes = [file.size for file in files if file.size is not None]
    if len(sizes) == len(files):
        return _bytes(sum(sizes))
    return f"about {_bytes(UNPUBLISHED[name])}" if name in UNPUBLISHED else "unknown"


def _bytes(count: int) -> str:
    unit, size = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
    return f"{count / size:.2g} {unit}" if count < 99.5 * size else f"{count / size:.0f} {unit}"


def _on_disk(dataset: Dataset, source: Section, folders: Folders) -> Iterator[str]:
    """Yield the files of a dataset that are on disk: raw files, a mirror's copies, splits."""
    raw, ready = folders.raw / dataset.name, folders.ready / dataset.name
    files = dataset.files(source)
    if isinstance(source, own.Source):
        if (raw / inventory.FILE).exists():
            modified = changed(inventory.read(raw), source)
            yield "changed since download" if modified else "inventory"
    elif not files:
        if raw.exists():
            yield "raw files"
    else:
        origin = dataset.origin or dataset.name
        kept = folders.downloads / origin
        count = sum(_complete(file, raw) or _complete(file, kept) for file in files)
        if count:
            yield "raw files" if count == len(files) else f"{count} of {len(files)} raw files"
        mirror = folders.mirror and folders.mirror / origin
        if mirror and all((mirror / file.name).exists() for file in files):
            yield "in the mirror"
    if all((ready / f"{part}.npz").exists() for part in inventory.PARTS):
        yield "splits"


def _complete(file: RemoteFile, folder: Path) -> bool:
    """Return whether a folder has a file; a copy of the same content may have another size."""
    path = folder / file.name
    if file.size is None or file.expanded or file.repacked:
        return path.exists()
    return path.exists() and path.stat().st_size == file.size


def changed(files: Inventory, source: own.Source) -> bool:
    """Return whether the user's files have other names or sizes than in their inventory.

    File content is not read here: new content of the same length is noticed by `preprocess`.
    """
    if (files.kind, files.path) != (source.kind, source.path):
        return True
    known = {files.place(file): file.size for file in files.files}
    paths = _images(Path(files.path)) if files.kind == "folder" else known
    return {path: path.stat().st_size for path in paths if path.exists()} != known


def _images(root: Path) -> Iterator[Path]:
    for folder, names, files in walk(root):
        names[:] = [name for name in names if not inventory.passed_over(name)]
        for path in [Path(folder, name) for name in files if not inventory.passed_over(name)]:
            if path.suffix.lower() in inventory.SUFFIXES:
                yield path
