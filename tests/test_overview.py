"""The list of datasets: what each takes, and what of it is here."""

import re
from pathlib import Path

import pytest

from pipeline.data import catalogue, overview
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.overview import Places
from pipeline.data.sources import mnist, own, own_reviews
from stages import datasets
from tests import own_data, synthetic
from tests.review_files import jsonl, reviews


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(*(tmp_path / name for name in ("downloads", "raw", "ready", "mirror")))


def row(places: Places, name: str, source=None) -> overview.Row:
    """Return a dataset's row; params.yaml runs digits, and has the user's own if given."""
    content = synthetic.settings("digits").model_dump()
    if source:
        content["datasets"][name] = content["datasets"]["digits"] | {"source": source}
    params = type(synthetic.settings()).model_validate(content)
    return next(row for row in overview.rows(params, places) if row.name == name)


def put(file: RemoteFile, folder: Path, size: int | None = None) -> None:
    """Write an empty file of an official name and size."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / file.name).open("wb") as opened:
        opened.truncate(file.size if size is None else size)


def test_the_catalogue_is_listed_whole(places: Places) -> None:
    """Every known dataset has a row, whether params.yaml has it or not; one of them is run."""
    found = overview.rows(synthetic.settings("digits"), places)
    assert [row.name for row in found] == list(catalogue.CATALOGUE)
    assert [row.name for row in found if row.run] == ["digits"]
    assert not any(row.here for row in found)


def test_downloads_are_told_in_words(places: Places) -> None:
    """Where the sum is not published, it is about so much."""
    sizes = {name: row(places, name).download for name in ("digits", "mnist", "nistp", "norb")}
    assert sizes == {
        "digits": "none",
        "mnist": "12 MB",
        "nistp": "about 1 GB",
        "norb": "about 6.2 GB",
    }
    assert row(places, "norb").needs == "7 GB of disk"


def test_raw_files_count_one_by_one(places: Places) -> None:
    """In either folder; a gzip that was packed anew may have another size."""
    first, *others = mnist.FILES
    put(first, places.downloads / "mnist", 1)
    assert row(places, "mnist").here == "1 of 4 raw files"
    for file in others:
        put(file, places.raw / "mnist")
    assert row(places, "mnist").here == "raw files"


def test_a_file_of_another_size_is_not_here(places: Places) -> None:
    """What a broken download left does not count."""
    (file,) = catalogue.CATALOGUE["cifar10"].files(catalogue.CATALOGUE["cifar10"].source())
    put(file, places.raw / "cifar10", 1)
    assert row(places, "cifar10").here == ""
    put(file, places.raw / "cifar10")
    assert row(places, "cifar10").here == "raw files"


def test_the_mirror_and_the_splits_are_looked_for(places: Places) -> None:
    """A mirror counts with all files, splits with all three."""
    assert places.mirror
    for file in mnist.FILES:
        assert row(places, "mnist").here == ""
        put(file, places.mirror / "mnist")
    assert row(places, "mnist").here == "in the mirror"
    ready = places.ready / "mnist"
    ready.mkdir(parents=True)
    for part in ("train", "valid", "test"):
        assert "splits" not in row(places, "mnist").here
        (ready / f"{part}.npz").touch()
    assert row(places, "mnist").here == "in the mirror, splits"


def test_own_data_have_a_row(places: Places, tmp_path: Path) -> None:
    """It says what they need, their title, and that they have changed as soon as they have."""
    folder = own_data.classes(tmp_path / "in", {"a": 2, "b": 2})
    source = {"folder": f"{folder}/", "title": "Mine"}
    assert row(places, "mine", source).here == ""
    own_data.stock(source, places.raw / "mine")
    found = row(places, "mine", source)
    assert (found.title, found.download, found.needs) == ("Mine", "none", "a folder of yours")
    assert found.here == "stock taken"
    (folder / "a/.hidden.png").touch()
    assert row(places, "mine", source).here == "stock taken"
    own_data.save(folder / "b/2.png", own_data.picture(1))
    assert row(places, "mine", source).here == "changed since stock was taken"


def test_every_change_of_names_and_sizes_is_noticed(tmp_path: Path) -> None:
    """A file that is longer, gone, or another in params.yaml."""
    path = own_data.npz(tmp_path / "in.npz", X=own_data.picture(1))
    source = own.Source(npz=str(path))
    stock = overview.inventory.take("mine", "npz", str(path))
    assert not overview.changed(stock, source)
    assert overview.changed(stock, own.Source(npz="other.npz"))
    path.write_bytes(path.read_bytes() + b"1")
    assert overview.changed(stock, source)
    path.unlink()
    assert overview.changed(stock, source)


def test_own_reviews_have_a_row(places: Places, tmp_path: Path, monkeypatch) -> None:
    """Stock of several files is compared file by file."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        jsonl(Path(f"{name}.jsonl"), reviews(3))
    source = own.Source(reviews=["a.jsonl"], unlabeled=["b.jsonl"])
    stock = own_reviews.take("mine", source.reviews or [], source.unlabeled)
    assert not overview.changed(stock, source)
    assert overview.changed(stock, own.Source(reviews=["a.jsonl"]))
    jsonl(Path("b.jsonl"), reviews(4))
    assert overview.changed(stock, source)
    assert overview._needs(own.entry("mine"), source) == "reviews of yours"


def test_the_command_prints_a_line_a_dataset(tmp_path: Path, monkeypatch, capsys) -> None:
    """In the order of the catalogue, own data last; in 80 columns no word of it is lost."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
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
    assert max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[0].split() == ["name", "title", "download", "needs", "here", "run"]
    assert re.search(r"^digits .* yes", out, re.MULTILINE)
    for words in ("about 6.2 GB", "7 GB of disk", "in the mirror", "a folder of"):
        assert words in out
