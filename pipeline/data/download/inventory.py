"""Stock of the user's own files: what they are called, how long they are, and their hashes.

The files stay where they are. `download` takes stock of them, and whoever reads one later notices
where it is no longer the same.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from pipeline.config.params import Section
from pipeline.data.download.hashing_reader import HashingReader
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

FILE = "inventory.json"
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
JUNK = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # beside hidden files: what systems leave behind
LAYOUT = "expected <class>/<image>, or train/<class>/<image> and test/<class>/<image>"

Kind = Literal["folder", "npz", "csv", "reviews"]
Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")


class File(Section):
    """One file; of images also the class, and the split where the user chose it."""

    path: str  # from the folder, of reviews from the root; else the name alone
    size: int  # bytes
    sha256: str
    class_name: str | None = None
    part: Part | None = None
    unlabeled: Literal[True] | None = None  # of reviews: nobody says what they are


class Stock(Section):
    """All files of a dataset: by split, class and name, in the order of code points."""

    dataset: str
    kind: Kind
    path: str  # of the folder or file, as the user gave it; of reviews what all files are called
    files: list[File]

    def place(self, file: File) -> Path:
        """Return where a file is."""
        if self.kind == "reviews":
            return Path(file.path)
        return Path(self.path, file.path) if self.kind == "folder" else Path(self.path)

    def content(self, file: File) -> bytes:
        """Read a file. Raises Problem where it is gone or not what it was."""
        path = self.place(file)
        try:
            with path.open("rb") as opened:
                content = opened.read(file.size + 1)  # the byte too many shows a longer file
        except OSError as error:
            raise self._changed(path) from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise self._changed(path)
        return content

    @contextmanager
    def stream(self, file: File) -> Iterator[HashingReader]:
        """Open a file that may be larger than memory, to be read from end to end.

        Raises Problem where it is gone, or at its end where it is not what it was.
        """
        path = self.place(file)
        try:
            with path.open("rb") as opened:
                watched = HashingReader(opened)
                yield watched
        except OSError as error:
            raise self._changed(path) from error
        if watched.digest.hexdigest() != file.sha256:
            raise self._changed(path)

    def _changed(self, path: Path) -> Problem:
        return Problem(
            f"{path} has changed since stock was taken: run dvc repro -f download@{self.dataset}"
        )


class Place(NamedTuple):
    """Where a file was found, before it is read."""

    path: Path
    class_name: str | None = None
    part: Part | None = None


def take(dataset: str, kind: Kind, path: str) -> Stock:
    """Return the stock of a folder of images, or of one file.

    Hidden files and what operating systems leave behind are passed over. Links to files of the same
    folder count as files. Raises Problem where there is no such folder or file, where a link leaves
    the folder, where a file is no image, and where the folders are not laid out as expected.
    """
    root = Path(path)
    if not (root.is_dir() if kind == "folder" else root.is_file()):
        raise absent(dataset, kind, path)
    try:
        places = _images(root) if kind == "folder" else [Place(root)]
        files = [measure(place, root if kind == "folder" else root.parent) for place in places]
    except OSError as error:
        raise Problem(f"{error.filename or path} cannot be read: {error.strerror}") from error
    return Stock(dataset=dataset, kind=kind, path=path, files=files)


def absent(dataset: str, key: str, path: str) -> Problem:
    """Return the Problem for a folder or file of params.yaml that is not there."""
    noun = "folder" if key == "folder" else "file"
    return Problem(
        f"params.yaml: datasets.{dataset}.source.{key}: there is no {noun} {path}: "
        "correct the path, which starts at the repository's root"
    )


def write(stock: Stock, raw: Path) -> None:
    """Write a stock into the folder `raw`."""
    storage.write_json(raw / FILE, stock.model_dump(exclude_none=True))


def read(raw: Path) -> Stock:
    """Read the stock of the folder `raw`. Raises Problem where it is absent or damaged."""
    try:
        return Stock.model_validate_json((raw / FILE).read_bytes())
    except ValidationError as error:
        fault = ValueError(error.errors()[0]["msg"])
        raise storage.unreadable(raw / FILE, fault) from error
    except FileNotFoundError as error:
        raise storage.unreadable(raw / FILE, error) from error


def measure(place: Place, root: Path) -> File:
    """Return what is noted of a file, its name as it is from a folder."""
    with place.path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
    name = place.path.relative_to(root).as_posix()
    return File(path=name, size=size, sha256=digest, class_name=place.class_name, part=place.part)


def _images(root: Path) -> list[Place]:
    """Return the images of a folder by split, class and name."""
    folders, loose = _listed(root, root)
    names = {folder.name for folder in folders}
    given = {"train", "test"} <= names
    other = [folder for folder in folders if folder.name not in PARTS]
    if given and other:
        raise Problem(
            f"{other[0]} lies beside train and test, where only valid may: rename or move it"
        )
    if given:
        places = [
            place for part in PARTS if part in names for place in _classes(root / part, root, part)
        ]
    else:
        places = list(_classes(root, root, None))
    strangers = _strangers([place.path for place in places])
    if strangers:
        raise Problem(
            f"{len(strangers)} of the files in {root} are no images by their names, "
            f"the first is {min(strangers)}: move them elsewhere"
        )
    # What is no image at the top of the folder, a README or a license, is about the set.
    if loose := [path for path in loose if path.suffix.lower() in SUFFIXES]:
        raise Problem(f"{min(loose)} is in no class folder: {LAYOUT}: move it")
    _check_classes(places, root)
    return places


def _classes(base: Path, root: Path, part: Part | None) -> Iterator[Place]:
    """Yield the files of the class folders in `base`."""
    folders, loose = _listed(base, root)
    if not folders:
        raise Problem(f"{base} has no class folders: {LAYOUT}")
    if loose and part:
        raise Problem(f"{min(loose)} is in no class folder: {LAYOUT}: move it")
    for folder in folders:
        deeper, files = _listed(folder, root)
        if deeper:
            raise Problem(f"{min(deeper)} is a folder in a class folder: {LAYOUT}: move its files")
        if not files:
            raise Problem(f"{folder} has no images: add some or remove the folder")
        for file in files:
            yield Place(file, folder.name, part)


def passed_over(name: str) -> bool:
    """Tell whether a file or folder of this name is left out: hidden, or what systems leave."""
    return name.startswith(".") or name in JUNK


def _listed(folder: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, by name, and nothing that is junk."""
    folders, files = [], []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if passed_over(path.name):
            continue
        if path.is_symlink():
            _check_link(path, root)
        if path.is_dir():
            folders.append(path)
        elif path.is_file():
            files.append(path)
        else:
            raise Problem(f"{path} is neither a file nor a folder: remove it")
    return folders, files


def _check_link(path: Path, root: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise Problem(f"{path} is a link that leads nowhere: remove it") from error
    if target.is_dir() or not target.is_relative_to(root.resolve()):
        where = "to a folder" if target.is_dir() else f"out of {root}"
        raise Problem(f"{path} is a link {where}: put copies of the files in its place")


def _strangers(files: list[Path]) -> list[Path]:
    return [path for path in files if path.suffix.lower() not in SUFFIXES]


def _check_classes(places: list[Place], root: Path) -> None:
    """Refuse splits with different classes."""
    classes: dict[str | None, set[str | None]] = {}
    for place in places:
        classes.setdefault(place.part, set()).add(place.class_name)
    for part, names in classes.items():
        missing = set().union(*classes.values()) - names
        if missing:
            raise Problem(
                f"{root}/{part} has no folder {min(map(str, missing))} as the others have: "
                "every split needs images of every class"
            )
