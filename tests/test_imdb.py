"""Large Movie Review Dataset: synthetic and hostile archives, and the one of DATA_MIRROR."""

import gzip
import os
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.config import params
from pipeline.data import catalogue
from pipeline.data.cards import data_card
from pipeline.data.download import fetch
from pipeline.data.download.fetch import RemoteFile, Repacked
from pipeline.data.formats import archives
from pipeline.data.sources import imdb
from pipeline.data.sources.imdb import Member, Preprocess
from pipeline.data.splits import examples
from pipeline.data.text.corpus import encoded
from pipeline.data.text.reviews import Review
from pipeline.report.figures import dataset_card
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from tests import committed
from tests.review_files import texts_of
from tests.tars import tarred

MIRROR = Path(os.environ.get("DATA_MIRROR") or Path(__file__).parents[2] / "shared" / "mirror")
real = pytest.mark.skipif(
    not (MIRROR / "imdb" / imdb.NAME).exists(), reason="needs the archive in DATA_MIRROR"
)
Members = dict[str, bytes | tarfile.TarInfo]


def packed(folder: Path, members: Members) -> Path:
    """Write the archive of some members into a folder."""
    pairs = [
        (name, member) if isinstance(member, bytes) else (member, b"")
        for name, member in members.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / imdb.NAME
    path.write_bytes(gzip.compress(tarred(pairs), mtime=0))
    return path


def files(count: int = 60, step: int = 205) -> Members:
    """Return reviews with ids all over the official range; no two share their own word."""
    found: Members = {"aclImdb/README": b"About the dataset.\n"}
    for n in range(count):
        for part in ("train", "test"):
            for kind, lowest in (("pos", 7), ("neg", 1)):
                name = f"aclImdb/{part}/{kind}/{n * step}_{lowest + n % 4}.txt"
                found[name] = f"the {kind} movie<br /><br />own{part}{kind}{n}".encode()
        found[f"aclImdb/train/unsup/{n}_0.txt"] = f"the movie ownunsup{n}".encode()
    return found


def options(**changes: Any) -> Preprocess:
    return Preprocess.model_validate({"terms": 3, "labeled": 40, "folds": 10} | changes)


def members(folder: Path, members: Members, part: str = "train") -> list[Member]:
    return imdb.members(packed(folder, members), part)


def test_reviews_come_with_stars_and_without_markup(tmp_path: Path) -> None:
    """Stars are in the names of the files; ids order the reviews; breaks leave no space."""
    texts: Members = {
        "aclImdb/train/neg/10_4.txt": "Old<br /><br/>New<br >. é".encode(),
        "aclImdb/train/neg/9_1.txt": b"a <b>bold</b> word",
        "aclImdb/train/unsup/0_0.txt": b"any",
        "aclImdb/test/pos/0_10.txt": b"of the other part",
        "aclImdb/train/urls_neg.txt": b"http://a.example/",
    }
    assert members(tmp_path, texts) == [
        Member("neg", 9, 1, "a <b>bold</b> word"),
        Member("neg", 10, 4, "OldNew. é"),
        Member("unsup", 0, 0, "any"),
    ]
    assert members(tmp_path, texts, "test") == [Member("pos", 0, 10, "of the other part")]


def test_folds_are_of_whole_movies(tmp_path: Path) -> None:
    """Each fold has reviews of its own blocks alone, as many as any other; labels are stars."""
    packed(tmp_path, files())
    found = imdb.corpus(tmp_path, options())
    reviews = imdb.members(tmp_path / imdb.NAME, "train")
    assert found.class_names == ("1", "2", "3", "4", "7", "8", "9", "10")
    assert (len(found.labeled), len(found.unlabeled)) == (40, 180 - 40)
    splits = catalogue.CATALOGUE["imdb"].split(tmp_path, options())
    tested = []
    for seed, test in enumerate((splits.test, *splits.test.others)):
        assert len(test.y_N) == 4
        assert {imdb.blocks([reviews[n]])[0] for n in test.id_N} == {seed}
        tested += test.id_N.tolist()
        for n, y in zip(test.id_N, test.y_N, strict=True):
            assert found.class_names[y] == str(reviews[n].stars)
    assert sorted(tested) == found.labeled.tolist()


@pytest.mark.parametrize("folds", [3, 5])
def test_blocks_join_to_fewer_folds(tmp_path: Path, folds: int) -> None:
    """With fewer folds every fold is a set of whole blocks."""
    packed(tmp_path, files())
    found = imdb.corpus(tmp_path, options(folds=folds))
    fold_of = imdb.blocks(imdb.members(tmp_path / imdb.NAME, "train")) % folds
    assert found.fold_N is not None
    assert (found.fold_N[found.labeled] == fold_of[found.labeled]).all()
    assert np.bincount(found.fold_N[found.labeled]).tolist() == folds * [40 // folds]


def test_stars_keep_their_shares_in_a_fold(tmp_path: Path) -> None:
    """The labeled reviews of a fold have each number of stars as often as all of its reviews."""
    packed(tmp_path, files(count=600, step=20))
    found = imdb.corpus(tmp_path, options(labeled=400))
    assert found.fold_N is not None
    for fold in range(10):
        rows = found.labeled[found.fold_N[found.labeled] == fold]
        counts = np.bincount(found.label_N[rows], minlength=8)
        assert counts.max() - counts.min() <= 2


def test_hidden_stars_are_in_no_split(tmp_path: Path) -> None:
    """Reviews that do not keep their stars, and those without, end every training split."""
    packed(tmp_path, files())
    splits = catalogue.CATALOGUE["imdb"].split(tmp_path, options())
    for train, valid, test in zip(*((split, *split.others) for split in splits), strict=True):
        assert len(train.y_N) - 140 == 40 - len(valid.y_N) - len(test.y_N)
        assert (train.y_N[-140:] == -1).all()
        assert (train.y_N[:-140] >= 0).all()


def test_official_test_part_is_in_no_split(tmp_path: Path) -> None:
    """Other reviews in the test part leave every split as it was, byte by byte."""
    entry = catalogue.CATALOGUE["imdb"]
    changed = {
        name: b"entirely other words" if "/test/" in name else member
        for name, member in files().items()
    }
    stored = []
    for folder, content in (("one", files()), ("other", changed)):
        packed(tmp_path / folder, content)
        splits = entry.split(tmp_path / folder, options(terms=9))
        for name, split in splits._asdict().items():
            examples.write(split, tmp_path / folder / f"{name}.npz")
        stored.append([(tmp_path / folder / f"{name}.npz").read_bytes() for name in splits._fields])
    assert stored[0] == stored[1]
    found = imdb.corpus(tmp_path / "one", options())
    assert not any("owntest" in term for terms in texts_of(found) for term in terms)
    assert entry.official_test
    assert {review.label for review in entry.official_test(tmp_path / "one")} == {
        *found.class_names
    }
    assert len(entry.official_test(tmp_path / "one")) == 120


def test_official_test_part_is_encoded_by_the_vocabulary(tmp_path: Path) -> None:
    """Terms that training lacks are lost; a class that training lacks is refused."""
    packed(tmp_path, files())
    encoding = catalogue.CATALOGUE["imdb"].split(tmp_path, options()).train.encoding
    assert encoding.vocabulary
    assert {"the", "movie"} < {*encoding.vocabulary.terms}
    found = encoded([Review("The movie", "10"), Review("unheard words", "1")], encoding)
    ones = [encoding.vocabulary.terms[n] for n in found.inputs(slice(None))[0].nonzero()[:, 0]]
    assert sorted(ones) == ["movie", "the"]
    assert found.inputs(slice(None))[1].sum() == 0
    assert [encoding.class_names[y] for y in found.y_N] == ["10", "1"]
    with pytest.raises(Problem, match="reviews of class 5, and networks were trained on 1, 2"):
        encoded([Review("text", "5")], encoding)


def test_other_datasets_have_no_official_test_part(tmp_path: Path) -> None:
    """The Problem names a dataset that has one."""
    settings = params.load(committed.params())
    with pytest.raises(Problem, match=r"digits has no official test set .* use one of imdb"):
        catalogue.official_test(settings, "digits", tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"labeled": 5000}, "asks for 500 reviews in each of 10 folds"), ({"labeled": 9}, "for 0")],
)
def test_folds_with_too_few_reviews_are_refused(tmp_path: Path, changes: dict, says: str) -> None:  # type: ignore[type-arg]
    """The Problem names the option."""
    packed(tmp_path, files())
    with pytest.raises(Problem, match=f"imdb.preprocess.labeled = .* {says}"):
        imdb.corpus(tmp_path, options(**changes))


def link() -> tarfile.TarInfo:
    found = tarfile.TarInfo("aclImdb/train/pos/7_7.txt")
    found.type, found.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return found


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"../evil": b"x"}, "points outside the archive's folder"),
        ({"/aclImdb/train/pos/0_7.txt": b"x"}, "points outside the archive's folder"),
        ({"aclImdb/train/pos/7_7.txt": link()}, "not a regular file"),
        ({"aclImdb/train/pos/0_8.txt": b"x"}, "another file has its id"),
        ({"aclImdb/train/pos/1_4.txt": b"x"}, "4 stars are not from 7 to 10"),
        ({"aclImdb/train/neg/1_0.txt": b"x"}, "0 stars are not from 1 to 4"),
        ({"aclImdb/train/unsup/99_3.txt": b"x"}, "3 stars are not from 0 to 0"),
        ({"aclImdb/train/pos/1_7.txt": b"\xff"}, "utf-8"),
        ({"aclImdb/train/pos/1_7.txt": b"<br /> "}, "the text is empty"),
        ({"aclImdb/train/pos/1_7.txt": bytes(70_000)}, "expected at most"),
        ({"bomb": bytes(1_000_000)}, "more than .* bytes when expanded"),
    ],
    ids=[
        "slip", "absolute", "link", "twice", "stars", "none", "unlabeled", "bytes", "empty",
        "large", "bomb",
    ],
)  # fmt: skip
def test_hostile_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: Members, says: str
) -> None:
    """The archive is refused in one line, and nothing is written."""
    monkeypatch.setattr(imdb, "WHOLE", 1 << 19)
    path = packed(tmp_path, files(10) | changes)
    with pytest.raises(Problem, match=says) as caught:
        imdb.members(path, "train")
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert [*tmp_path.iterdir()] == [path]


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    """Half of an archive is a Problem, and so is a changed byte."""
    path = packed(tmp_path, files(10))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-8] + bytes(8), b"<html>not found</html>"):
        path.write_bytes(content)
        with pytest.raises(Problem, match="cannot be read"):
            imdb.members(path, "train")


def official(path: Path) -> RemoteFile:
    """Return an official file of another hash whose content is that of the archive at `path`."""
    digest = imdb.content_digest(path)
    return RemoteFile(
        imdb.NAME, "0" * 64, 1, (), repacked=Repacked(digest, "files", imdb.content_digest)
    )


def test_a_repacked_copy_is_accepted_by_its_content(tmp_path: Path) -> None:
    """Order and compression do not count; names and content do; the fault names both hashes."""
    file = official(packed(tmp_path / "a", files(4)))
    copy = packed(tmp_path / "mirror/imdb", dict(reversed(files(4).items())))
    assert file.fault(copy) is None
    raw = tmp_path / "raw"
    raw.mkdir()
    fetch.fetch("imdb", [file], raw, partial=tmp_path / "kept", mirror=tmp_path / "mirror")
    assert (raw / imdb.NAME).read_bytes() == copy.read_bytes()
    name = "aclImdb/train/pos/0_7.txt"
    for changes in ({name: b"x"}, {"aclImdb/more": b""}):
        fault = str(file.fault(packed(tmp_path / "b", files(4) | changes)))
        assert re.search("bytes, expected 1; as a repacked copy: files have sha256", fault)
    copy.write_bytes(copy.read_bytes()[:-20])
    assert "as a repacked copy: " in str(file.fault(copy))
    with pytest.raises(Problem, match="it was not used"):
        fetch.fetch("imdb", [file], raw, partial=tmp_path / "new", mirror=tmp_path / "mirror")


def test_the_card_says_that_the_copy_is_repacked(tmp_path: Path) -> None:
    """Hash of the content, its name, and no claim to be the official file."""
    packed(tmp_path, files())
    entry = catalogue.CATALOGUE["imdb"]
    for name, split in entry.split(tmp_path, options())._asdict().items():
        examples.write(split, tmp_path / f"{name}.npz")
    card = data_card.card(entry, entry.source(), options(), raw=tmp_path, ready=tmp_path)
    [file] = card["files"]
    assert imdb.ARCHIVE.repacked
    assert (file["digest"], file["official"]) == (imdb.ARCHIVE.repacked.digest, False)
    facts = dict(dataset_card.data(SimpleNamespace(card=card, samples={})).facts)
    assert facts["Files"].endswith("a repacked copy, checked by a hash of its content")
    assert card["splits"]["test"]["examples"] == 4
    assert card["text"]["unlabeled"] == 140


@real
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_real_archive_goes_the_whole_way(tmp_path: Path) -> None:
    """From the mirror to splits and a card, with the options of params.yaml."""
    settings = params.load(committed.params())
    raw, ready, out = (tmp_path / part for part in ("raw", "ready", "out"))
    catalogue.download(settings, "imdb", raw, downloads=tmp_path / "kept", mirror=MIRROR)
    catalogue.preprocess(settings, "imdb", raw, ready=ready, results=out)
    card = storage.read_json(out / "card.json")
    assert [part["examples"] for part in card["splits"].values()] == [8100, 900, 1000]
    assert card["text"]["unlabeled"] == 65_000
    assert card["class_names"] == ["1", "2", "3", "4", "7", "8", "9", "10"]
    reviews = imdb.members(raw / imdb.NAME, "train")
    tested = [examples.read(ready / "test.npz", seed) for seed in range(10)]
    assert sum(len(test) for test in tested) == 10_000
    assert len(catalogue.official_test(settings, "imdb", raw)) == 25_000
    assert not any("<br" in review.text for review in reviews)


def addresses(path: Path) -> dict[tuple[str, int], str]:
    """Return the address of each training review's movie by folder and id; empty without lists."""
    wanted = re.compile("aclImdb/train/urls_(pos|neg).txt")
    lists = archives.matching(path, wanted, archives.AtMost(1 << 21), limit=imdb.WHOLE)
    return {
        (name.removesuffix(".txt")[-3:], n): line
        for name, content in lists
        for n, line in enumerate(content.decode().splitlines())
    }


@real
@pytest.mark.slow
def test_no_movie_of_the_official_archive_is_in_two_blocks() -> None:
    """All reviews of an address are in one block; repacked copies may lack the addresses."""
    movies = addresses(MIRROR / "imdb" / imdb.NAME)
    if not movies:
        pytest.skip("the archive in DATA_MIRROR has no list of addresses")
    blocks: dict[str, set[int]] = {}
    for (kind, number), address in movies.items():
        block = imdb.blocks([Member(kind, number, 0, "")])[0]
        blocks.setdefault(address, set()).add(int(block))
    assert len(movies) == 25_000
    assert {len(found) for found in blocks.values()} == {1}
