"""Inventory of the user's own files: name, size and SHA-256 of each.

The files stay where they are. `download` writes the inventory; a later stage that reads a file
raises Problem if the file is no longer the same.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from pydantic import ValidationError

from pipeline.config.params import Section
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

FILE = "inventory.json"
SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp",
    ".ppm", ".pgm", ".pbm", ".pnm",
}  # fmt: skip
JUNK = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # left behind by operating systems
HIDDEN_JUNK = re.compile(r"\.(git|dvc|svn|cache|venv|idea|ipynb_checkpoints|thumbnails|Trash.*)")
LAYOUT = "expected <class>/<image>, or train/<class>/<image> and test/<class>/<image>"

Kind = Literal["folder", "npz", "csv", "reviews"]
Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
PART_NAMES: dict[str, Part] = {  # of splits, in names of folders and arrays, in lower case
    **{"train": "train", "training": "train"},
    **{"valid": "valid", "val": "valid", "validation": "valid", "dev": "valid"},
    **{"test": "test", "testing": "test"},
}
SET = re.compile(r"[-_ ]?set$")  # training_set, testset
# Names of folders that hold all images, all labels or a split, beside each other: no classes.
NO_CLASS = re.compile(
    r"((train(ing)?|val(id(ation)?)?|dev|test(ing)?|eval(uation)?|hold[-_ ]?out|tr|ts|image|img"
    r"|input|label|target|annotation|mask|ground[-_ ]?truth|gt|set|seg)s?[-_ ]?)+\d*",
    re.IGNORECASE,
)


class HashingReader(io.RawIOBase):
    """Reader that hashes a file while streaming it; `digest` is the sha256 of the bytes so far."""

    def __init__(self, file: IO[bytes]) -> None:
        """Wrap an open binary file."""
        self.file, self.digest = file, hashlib.sha256()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the file goes and return the number of bytes."""
        content = self.file.read(len(buffer))
        self.digest.update(content)
        buffer[: len(content)] = content
        return len(content)


class File(Section):
    """One file; for images also the class, and the split if the folders name it."""

    path: str  # relative to the folder; of reviews to the repository's root; else the name alone
    size: int  # bytes
    sha256: str
    class_name: str | None = None
    part: Part | None = None
    unlabeled: Literal[True] | None = None  # of files of unlabeled reviews


class Inventory(Section):
    """All files of a dataset, by split, class and name in code-point order."""

    dataset: str
    kind: Kind
    path: str  # of the folder or file, as in params.yaml; of reviews all paths
    files: list[File]

    def place(self, file: File) -> Path:
        """Return the path of a file."""
        if self.kind == "reviews":
            return Path(file.path)
        return Path(self.path, file.path) if self.kind == "folder" else Path(self.path)

    def content(self, file: File) -> bytes:
        """Return the content of a file. Raises Problem where it is gone or has changed."""
        path = self.place(file)
        try:
            with path.open("rb") as opened:
                content = opened.read(file.size + 1)  # one byte more detects a longer file
        except OSError as error:
            raise self._changed(path) from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise self._changed(path)
        return content

    @contextmanager
    def stream(self, file: File) -> Iterator[HashingReader]:
        """Open a file that may be larger than memory, to be read from end to end.

        Raises Problem where it is gone, or at the end where it has changed.
        """
        path = self.place(file)
        try:
            with path.open("rb") as opened:
                reader = HashingReader(opened)
                yield reader
        except OSError as error:
            raise self._changed(path) from error
        if reader.digest.hexdigest() != file.sha256:
            raise self._changed(path)

    def _changed(self, path: Path) -> Problem:
        return Problem(
            f"{path} has changed since it was recorded: run dvc repro -f download@{self.dataset}"
        )


class Place(NamedTuple):
    """Path of a file, and the class and split that its folders name."""

    path: Path
    class_name: str | None = None
    part: Part | None = None


def take(dataset: str, kind: Kind, path: str) -> Inventory:
    """Return the inventory of a folder of images, or of one file.

    Skips hidden files and files that operating systems leave behind. A link to a file of the same
    folder counts as a file. Raises Problem where there is no such folder or file, where a link
    leaves the folder, where a file lacks the suffix of an image, and where the folders have another
    layout.
    """
    root = Path(path)
    if not (root.is_dir() if kind == "folder" else root.is_file()):
        raise absent(dataset, kind, path)
    try:
        places = _images(root) if kind == "folder" else [Place(root)]
        files = [measure(place, root if kind == "folder" else root.parent) for place in places]
    except OSError as error:
        raise Problem(f"{error.filename or path} cannot be read: {error.strerror}") from error
    return Inventory(dataset=dataset, kind=kind, path=path, files=files)


def absent(dataset: str, key: str, path: str) -> Problem:
    """Return the Problem for a folder or file of params.yaml that does not exist."""
    noun = "folder" if key == "folder" else "file"
    return Problem(
        f"params.yaml: datasets.{dataset}.source.{key}: there is no {noun} {path}: "
        "correct the path, which starts at the repository's root"
    )


def write(inventory: Inventory, raw: Path) -> None:
    """Write an inventory into the folder `raw`."""
    storage.write_json(raw / FILE, inventory.model_dump(exclude_none=True))


def read(raw: Path) -> Inventory:
    """Read the inventory of the folder `raw`. Raises Problem where it is absent or damaged."""
    try:
        return Inventory.model_validate_json((raw / FILE).read_bytes())
    except ValidationError as error:
        fault = ValueError(error.errors()[0]["msg"])
        raise storage.unreadable(raw / FILE, fault) from error
    except FileNotFoundError as error:
        raise storage.unreadable(raw / FILE, error) from error


def sizes(raw: Path) -> list[int]:
    """Return the sizes, in bytes, of the files of a dataset with the folder `raw`.

    These are the user's own by their inventory, or else the raw files.
    """
    if (raw / FILE).exists():
        return [file.size for file in read(raw).files]
    return [path.stat().st_size for path in sorted(raw.rglob("*")) if path.is_file()]


def measure(place: Place, root: Path) -> File:
    """Return the entry of a file, with its path relative to `root`.

    Raises Problem where the path is not UTF-8.
    """
    try:
        str(place.path).encode()
    except UnicodeEncodeError as error:
        raise Problem(f"{place.path} has a name that is not UTF-8: rename it") from error
    with place.path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
    name = place.path.relative_to(root).as_posix()
    return File(path=name, size=size, sha256=digest, class_name=place.class_name, part=place.part)


def _images(root: Path) -> list[Place]:
    """Return the images of a folder by split, class and name."""
    folders, loose = _listed(root, root)
    by_part = _part_folders(folders)
    if by_part:
        places = [
            place
            for part in PARTS
            if part in by_part
            for place in _classes(by_part[part], root, part)
        ]
    elif folders and all(NO_CLASS.fullmatch(folder.name) for folder in folders):
        names = " and ".join(folder.name for folder in folders)
        raise Problem(
            f"{root} has {names}, which are not names of classes: {LAYOUT}: "
            "move each image into a folder with the name of its class"
        )
    else:
        places = list(_classes(root, root, None))
    strangers = [place.path for place in places if place.path.suffix.lower() not in SUFFIXES]
    if strangers:
        raise Problem(
            f"{len(strangers)} of the files in {root} do not have the suffix of an image, "
            f"the first is {min(strangers)}: move them elsewhere, or save them as PNG or JPEG"
        )
    # Other files at the top of the folder, a README or a license, describe the dataset.
    if loose := [path for path in loose if path.suffix.lower() in SUFFIXES]:
        raise Problem(f"{min(loose)} is in no class folder: {LAYOUT}: move it")
    _check_classes(places)
    return places


def _part_folders(folders: list[Path]) -> dict[Part, Path]:
    """Return the folders of the splits; none where the folders are not train and another split."""
    by_part: dict[Part, Path] = {}
    others = []
    for folder in folders:
        part = PART_NAMES.get(SET.sub("", folder.name.lower()))
        if part in by_part:
            raise Problem(
                f"{by_part[part]} and {folder} are both the {part} split: merge them, or remove one"
            )
        if part:
            by_part[part] = folder
        else:
            others.append(folder)
    if "train" not in by_part or len(by_part) == 1:
        return {}
    if others:
        names = " and ".join(by_part[part].name for part in PARTS if part in by_part)
        raise Problem(
            f"{others[0]} lies beside the splits {names} but is not a split: rename or move it"
        )
    return by_part


def _classes(base: Path, root: Path, part: Part | None) -> Iterator[Place]:
    """Yield the files of the class folders in `base`, classes by name."""
    folders, loose = _listed(base, root)
    if not folders:
        raise Problem(f"{base} has no class folders: {LAYOUT}")
    if loose and part:
        raise Problem(f"{min(loose)} is in no class folder: {LAYOUT}: move it")
    by_name: dict[str, Path] = {}
    for folder in folders:
        # The same letters have several spellings in Unicode: macOS and Linux write different ones.
        name = unicodedata.normalize("NFC", folder.name)
        if name in by_name:
            raise Problem(
                f"{base} has two folders {name} that differ only in their Unicode spelling: "
                "merge them"
            )
        by_name[name] = folder
    for name, folder in sorted(by_name.items()):
        deeper, files = _listed(folder, root)
        if deeper:
            raise Problem(f"{min(deeper)} is a folder in a class folder: {LAYOUT}: move its files")
        if not files:
            raise Problem(f"{folder} has no images: add some or remove the folder")
        for file in files:
            yield Place(file, name, part)


def _check_hidden(folder: Path) -> None:
    """Raise Problem for a hidden image, or a hidden folder with images: a class, such as .net."""
    if folder.name in JUNK or HIDDEN_JUNK.fullmatch(folder.name):
        return
    if folder.suffix.lower() in SUFFIXES and folder.is_file() and not folder.name.startswith("._"):
        raise Problem(
            f"{folder} is an image, but its name begins with a dot, which marks a hidden file: "
            "rename it, or move it elsewhere"
        )
    images = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if any(not passed_over(path.name) for path in images):
        raise Problem(
            f"{folder} has images, but its name begins with a dot, which marks a hidden "
            "folder: rename it if it is a class, or move it elsewhere"
        )


def passed_over(name: str) -> bool:
    """Return whether a file or folder of this name is skipped: hidden, or an operating system's."""
    return name.startswith(".") or name in JUNK


def _listed(folder: Path, root: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder by name, without skipped ones."""
    folders, files = [], []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if passed_over(path.name):
            _check_hidden(path)
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
        raise Problem(f"{path} is a broken link: remove it") from error
    if target.is_dir() or not target.is_relative_to(root.resolve()):
        where = "to a folder" if target.is_dir() else f"out of {root}"
        raise Problem(f"{path} is a link {where}: put copies of the files in its place")


def _check_classes(places: list[Place]) -> None:
    """Raise Problem where two splits have different classes."""
    classes: dict[Path, set[str | None]] = {}
    for place in places:
        folder = place.path.parent.parent
        classes.setdefault(folder, set()).add(place.class_name)
    for folder, names in classes.items():
        missing = set().union(*classes.values()) - names
        if missing:
            raise Problem(
                f"{folder} has no folder {min(map(str, missing))} as the others have: "
                "every split needs images of every class"
            )
