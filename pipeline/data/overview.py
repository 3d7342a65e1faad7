"""What datasets there are, what each takes, and what of it is here already."""

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
from pipeline.data.sources.entry import Dataset
from pipeline.data.text.cross_validation import TextOptions
from pipeline.runtime.errors import Problem

# Bytes, about, of downloads some of whose files have no published size.
UNSTATED = {"norb": 6_200_000_000, "nistp": 1_000_000_000} | dict.fromkeys(
    (entry.name for entry in amazon.AMAZON), 30_000_000
)
PARTS = ("train", "valid", "test")
# Downloads, which raw files are links to, and splits together.
NEEDS = {"norb": "7 GB of disk", "nistp": "2 GB of disk", "yelp": "a copy of your own"}


@dataclass(frozen=True)
class Places:
    """Where datasets are: downloads, raw files and splits, and a folder with copies if any."""

    downloads: Path
    raw: Path
    ready: Path
    mirror: Path | None = None


@dataclass(frozen=True)
class Row:
    """One dataset, in words."""

    name: str
    title: str
    download: str
    needs: str
    here: str
    run: bool


def rows(params: Params, places: Places) -> list[Row]:
    """Return a row for each dataset of the catalogue, then for each of the user's own.

    Files count as here by their names and sizes: their hashes were checked when they came. Raises
    Problem for a dataset of params.yaml that is neither, or whose source is wrong.
    """
    others = [name for name in params.datasets if name not in catalogue.CATALOGUE]
    return [_row(params, name, places) for name in (*catalogue.CATALOGUE, *others)]


def check_texts(params: Params, name: str) -> None:
    """Raise Problem where a dataset of params.yaml is not of texts, or unknown."""
    dataset = catalogue.entry(params, name)
    source = params.source_for(name, dataset.source)
    if isinstance(source, own.Source):
        of_texts = source.reviews is not None
    else:
        of_texts = issubclass(dataset.preprocess, TextOptions)
    if not of_texts:
        raise Problem(f"{name} is not a dataset of texts, and texts alone can be scored")


def _row(params: Params, name: str, places: Places) -> Row:
    listed = name in params.datasets
    dataset = catalogue.entry(params, name) if listed else catalogue.CATALOGUE[name]
    source = params.source_for(name, dataset.source) if listed else dataset.source()
    said = source.title if isinstance(source, own.Source) else None
    return Row(
        name,
        said or dataset.title,
        download=download_size(name, dataset.files(source)),
        needs=_needs(dataset, source),
        here=", ".join(_here(dataset, source, places)),
        run=name in params.run.datasets,
    )


def catalogued() -> list[tuple[str, str, str]]:
    """Return name, title and, in words, the size to download of each dataset of the catalogue."""
    return [
        (name, entry.title, download_size(name, entry.files(entry.source())))
        for name, entry in catalogue.CATALOGUE.items()
    ]


def download_size(name: str, files: tuple[RemoteFile, ...]) -> str:
    """Return how much there is to download, in words: `none`, `12 MB`, `about 1 GB`."""
    if not files:
        return "none"
    sizes = [file.size for file in files if file.size is not None]
    if len(sizes) == len(files):
        return _spoken(sum(sizes))
    return f"about {_spoken(UNSTATED[name])}" if name in UNSTATED else "unknown"


def _spoken(count: int) -> str:
    unit, each = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
    return f"{count / each:.2g} {unit}" if count < 100 * each else f"{count / each:.0f} {unit}"


def _needs(dataset: Dataset, source: Section) -> str:
    if isinstance(source, own.Source):
        return {
            "folder": "a folder of yours",
            "reviews": "reviews of yours",
        }.get(source.kind, f"an .{source.kind} file of yours")
    return NEEDS.get(dataset.name, "")


def _here(dataset: Dataset, source: Section, places: Places) -> Iterator[str]:
    """Yield what is here of a dataset, in the order in which it comes."""
    raw, ready = places.raw / dataset.name, places.ready / dataset.name
    files = dataset.files(source)
    if isinstance(source, own.Source):
        if (raw / inventory.FILE).exists():
            stock = inventory.read(raw)
            yield "changed since stock was taken" if changed(stock, source) else "stock taken"
    elif not files:
        if raw.exists():
            yield "raw files"
    else:
        yield from _arrived(dataset, files, places)
    if all((ready / f"{part}.npz").exists() for part in PARTS):
        yield "splits"


def _arrived(dataset: Dataset, files: tuple[RemoteFile, ...], places: Places) -> Iterator[str]:
    origin = dataset.origin or dataset.name
    own_raw, kept = places.raw / dataset.name, places.downloads / origin
    count = sum(_whole(file, own_raw) or _whole(file, kept) for file in files)
    if count:
        yield "raw files" if count == len(files) else f"{count} of {len(files)} raw files"
    mirror = places.mirror and places.mirror / origin
    if mirror and all((mirror / file.name).exists() for file in files):
        yield "in the mirror"


def _whole(file: RemoteFile, folder: Path) -> bool:
    """Tell whether a file is in a folder; a gzip of the same content may have another size."""
    path = folder / file.name
    if file.size is None or file.expanded:
        return path.exists()
    return path.exists() and path.stat().st_size == file.size


def changed(stock: Inventory, source: own.Source) -> bool:
    """Tell whether the user's files have other names or sizes than when stock was taken.

    A look at the disk alone: a file with new content of the same length is noticed when it is read.
    """
    if (stock.kind, stock.path) != (source.kind, source.path):
        return True
    known = {stock.place(file).as_posix(): file.size for file in stock.files}
    path = Path(stock.path)
    files = [stock.place(file) for file in stock.files]
    found = _images(path) if stock.kind == "folder" else _sized(files)
    return dict(found) != known


def _images(root: Path) -> Iterator[tuple[str, int]]:
    for folder, names, files in walk(root):
        names[:] = [name for name in names if not inventory.passed_over(name)]
        paths = [Path(folder, name) for name in files if not inventory.passed_over(name)]
        yield from _sized([path for path in paths if path.suffix.lower() in inventory.SUFFIXES])


def _sized(paths: list[Path]) -> Iterator[tuple[str, int]]:
    for path in paths:
        if path.exists():
            yield path.as_posix(), path.stat().st_size
