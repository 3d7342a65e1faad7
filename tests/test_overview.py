"""Overview of the datasets: download size, requirements, and files on disk."""

import re
from pathlib import Path

import pytest

from pipeline.data import catalogue, overview
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.overview import Folders
from pipeline.data.sources import imdb, mnist, own
from stages import datasets
from tests import own_data, synthetic
from tests.review_files import jsonl, reviews


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(*(tmp_path / name for name in ("downloads", "raw", "ready", "mirror")))


def row(folders: Folders, name: str, source=None) -> overview.Row:
    """Return the row of a dataset; with a source it is one of the user's own in params.yaml."""
    content = synthetic.settings("digits").model_dump()
    if source:
        content["datasets"][name] = content["datasets"]["digits"] | {"source": source}
    params = type(synthetic.settings()).model_validate(content)
    return next(row for row in overview.rows(params, folders) if row.name == name)


def put(file: RemoteFile, folder: Path, size: int | None = None) -> None:
    """Write a file of an official name and size, filled with zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / file.name).open("wb") as opened:
        opened.truncate(file.size if size is None else size)


def test_the_catalogue_is_listed_whole(folders: Folders) -> None:
    """Every dataset of the catalogue has a row, also where params.yaml lacks it."""
    found = overview.rows(synthetic.settings("digits"), folders)
    assert [row.name for row in found] == list(catalogue.CATALOGUE)
    assert [row.name for row in found if row.run] == ["digits"]
    assert not any(row.here for row in found)


def test_download_sizes_are_in_words(folders: Folders) -> None:
    """A download with files of unknown size has an approximate size."""
    sizes = {name: row(folders, name).download for name in ("digits", "mnist", "nistp", "norb")}
    assert sizes == {
        "digits": "none",
        "mnist": "12 MB",
        "nistp": "about 1 GB",
        "norb": "about 6.2 GB",
    }
    assert row(folders, "norb").needs == "7 GB of disk"


def test_raw_files_count_one_by_one(folders: Folders) -> None:
    """Files count in either folder; a recompressed gzip may have another size."""
    first, *others = mnist.FILES
    put(first, folders.downloads / "mnist", 1)
    assert row(folders, "mnist").here == "1 of 4 raw files"
    for file in others:
        put(file, folders.raw / "mnist")
    assert row(folders, "mnist").here == "raw files"


def test_a_file_of_another_size_is_not_here(folders: Folders) -> None:
    """A partial download does not count."""
    (file,) = catalogue.CATALOGUE["cifar10"].files(catalogue.CATALOGUE["cifar10"].source())
    put(file, folders.raw / "cifar10", 1)
    assert row(folders, "cifar10").here == ""
    put(file, folders.raw / "cifar10")
    assert row(folders, "cifar10").here == "raw files"


def test_a_repacked_copy_of_another_size_is_here(folders: Folders) -> None:
    """An archive that may be packed again is recognized by its name alone."""
    put(imdb.ARCHIVE, folders.raw / "imdb", 1)
    assert row(folders, "imdb").here == "raw files"
    assert row(folders, "imdb").download == "84 MB"


def test_mirror_and_splits_are_listed(folders: Folders) -> None:
    """A mirror counts where it has all files, splits where there are all three."""
    assert folders.mirror
    for file in mnist.FILES:
        assert row(folders, "mnist").here == ""
        put(file, folders.mirror / "mnist")
    assert row(folders, "mnist").here == "in the mirror"
    ready = folders.ready / "mnist"
    ready.mkdir(parents=True)
    for part in ("train", "valid", "test"):
        assert "splits" not in row(folders, "mnist").here
        (ready / f"{part}.npz").touch()
    assert row(folders, "mnist").here == "in the mirror, splits"


def test_own_data_have_a_row(folders: Folders, tmp_path: Path) -> None:
    """The row has the title and the kind of own data, and says whether files changed."""
    folder = own_data.classes(tmp_path / "in", {"a": 2, "b": 2})
    source = {"folder": f"{folder}/", "title": "Mine"}
    assert row(folders, "mine", source).here == ""
    own_data.stock(source, folders.raw / "mine")
    found = row(folders, "mine", source)
    assert (found.title, found.download, found.needs) == ("Mine", "none", "your folder")
    assert found.here == "inventory"
    (folder / "a/.hidden.png").touch()
    assert row(folders, "mine", source).here == "inventory"
    own_data.save(folder / "b/2.png", own_data.picture(1))
    assert row(folders, "mine", source).here == "changed since download"


def test_every_change_of_names_and_sizes_is_noticed(tmp_path: Path) -> None:
    """A longer or absent file, or another path in params.yaml, counts as changed."""
    path = own_data.npz(tmp_path / "in.npz", X=own_data.picture(1))
    source = own.Source(npz=str(path))
    files = overview.inventory.take("mine", "npz", str(path))
    assert not overview.changed(files, source)
    assert overview.changed(files, own.Source(npz="other.npz"))
    path.write_bytes(path.read_bytes() + b"1")
    assert overview.changed(files, source)
    path.unlink()
    assert overview.changed(files, source)


def test_own_reviews_have_a_row(folders: Folders, tmp_path: Path, monkeypatch) -> None:
    """The inventory of several files is compared file by file."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("a", 3), ("b", 4)):
        jsonl(Path(f"{name}.jsonl"), reviews(count))
    source = own.Source(reviews=["a.jsonl"], unlabeled=["b.jsonl"])
    files = own.review_inventory("mine", source.reviews or [], source.unlabeled)
    assert not overview.changed(files, source)
    assert overview.changed(files, own.Source(reviews=["a.jsonl"]))
    jsonl(Path("b.jsonl"), reviews(5))
    assert overview.changed(files, source)
    assert row(folders, "mine", source.model_dump(exclude_none=True)).needs == "your reviews"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_command_prints_two_lines_a_dataset(
    tmp_path: Path, monkeypatch, capsys, columns: int
) -> None:
    """Rows follow the catalogue, own data last; a title has a line, or two if it is longer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("DATA_MIRROR", "mirror")
    for file in mnist.FILES:
        put(file, Path("mirror/mnist"))
    content = synthetic.settings("digits").model_dump()
    content["datasets"]["cifar10-jpeg"] = content["datasets"]["digits"] | {
        "source": {"folder": "a"}
    }
    settings = type(synthetic.settings()).model_validate(content)
    monkeypatch.setattr("pipeline.config.params.load", lambda: settings)
    datasets.main()
    out = capsys.readouterr().out
    names = [*catalogue.CATALOGUE, "cifar10-jpeg"]
    assert re.findall(r"^([\w-]+)", out, re.MULTILINE) == ["name", *names]
    assert max(map(len, out.splitlines())) <= columns
    assert len(out.splitlines()) <= 1 + 2 * len(names) + (columns == 80)
    assert out.splitlines()[0].split() == ["name", "download", "needs", "run", "here"]
    assert re.search(r"^digits .* yes", out, re.MULTILINE)
    for words in ("about 6.2 GB", "7 GB of disk", "in the mirror", "your folder"):
        assert words in out
