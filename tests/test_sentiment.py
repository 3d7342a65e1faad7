"""Multi-Domain Sentiment archives: synthetic, hostile, and the official one of DATA_MIRROR."""

import gzip
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.config import params
from pipeline.data import catalogue
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.formats import archives, sentiment_archive
from pipeline.data.sources import amazon
from pipeline.data.sources.amazon import Preprocess
from pipeline.data.text.reviews import Review
from pipeline.report.figures import dataset_card
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from tests import committed
from tests.review_files import parted, texts_of
from tests.tars import tarred

MIRROR = Path(os.environ.get("DATA_MIRROR", "mirror"), "amazon")
ARCHIVE = "domain_sentiment_data.tar.gz"
KINDS = ("books", "dvd", "electronics", "kitchen_&_housewares")
real = pytest.mark.skipif(
    not (MIRROR / ARCHIVE).exists(), reason="needs the archive in DATA_MIRROR"
)


def review(text: str, rating: str = "5.0", title: str = "Title") -> str:
    fields = {"unique_id": "B0:x", "rating": rating, "title": title, "review_text": text}
    lines = "".join(f"<{tag}>\n{value}\n</{tag}>\n" for tag, value in fields.items())
    return f"<review>\n{lines}</review>\n"


def xml(text: str, label: str | None = "positive", *, titles=False, stars=False):
    found = sentiment_archive.pseudo_xml(
        text.encode(), "a.review", label, titles=titles, stars=stars
    )
    return parted([*found])


def packed(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(gzip.compress(tarred(members.items()), mtime=0))
    return path


def written(count: int, polarity: str) -> bytes:
    stars = {"positive": ("4.0", "5.0"), "negative": ("1.0", "2.0")}[polarity]
    return "".join(review(f"{polarity} word{n} same", stars[n % 2]) for n in range(count)).encode()


def files(count: int = 30, kinds: tuple[str, ...] = KINDS) -> dict[str, bytes]:
    return {
        f"sorted_data_acl/{kind}/{polarity}.review": written(count, polarity)
        for kind in kinds
        for polarity in ("negative", "positive")
    }


def options(**changes) -> Preprocess:
    return Preprocess.model_validate({"terms": 3} | changes)


def test_fields_of_a_review_are_read() -> None:
    """A text may have several lines and tags; entities are decoded."""
    text = "one <b>line</b>\n\nand &quot;another&quot; with <tag>\n<br>\nat the end"
    wanted = 'one <b>line</b>\n\nand "another" with <tag>\n<br>\nat the end'
    assert xml(review(text)) == ([Review(wanted, "positive")], [])
    assert xml(review("text"), titles=True)[0] == [Review("Title\ntext", "positive")]
    assert xml(review("text", "4.0"), stars=True)[0] == [Review("text", "4")]
    assert xml(review("text", "4.0"), None, stars=True)[0] == [Review("text", None)]
    assert xml(f"<data>\n{review('text')}</data>\n")[1] == []


@pytest.mark.parametrize(
    ("block", "lines", "says"),
    [
        (review("  "), 1, "the text is empty"),
        ("<review>\n<title>\nx\n</title>\n</review>\n", 1, "no review_text"),
        (review("text", "3.x"), 1, "not a number"),
        (review("text", ""), 1, "stars are missing"),
        (review("text", "9.0"), 1, "not from 1 to 5"),
        ("<review>\n<review_text>\nno end\n", 3, "has no end"),
        ("stray\n", 1, "in no review"),
    ],
)
def test_bad_block_is_a_fault_with_its_line(block: str, lines: int, says: str) -> None:
    """A bad block is a fault with its line, and the reviews around it are kept."""
    good = review("good")
    found, faults = xml(good + block + good, stars=True)
    assert [review.text for review in found] == ["good", "good"]
    [fault] = faults
    assert (fault.line, fault.lines) == (1 + good.count("\n"), lines)
    assert says in fault.what
    if says == "has no end":  # at the end of the file too
        assert xml(good + block, stars=True)[1][0].line == fault.line


def test_a_line_between_fields_is_a_fault() -> None:
    """The review around the line is kept."""
    found, [fault] = xml(review("good").replace("<review>\n", "<review>\nlost\n"))
    assert [review.text for review in found] == ["good"]
    assert (fault.line, fault.what) == (2, "the line is in no field")


def test_bytes_that_are_no_utf8_are_latin1() -> None:
    """Bytes that are not UTF-8 are decoded as Latin-1."""
    assert sentiment_archive.text("é".encode()) == sentiment_archive.text(b"\xe9") == "é"


def counted(text: str, label: str | None = "positive"):
    return parted([*sentiment_archive.counted(text.encode(), "a.review", label)])


def test_counts_become_terms() -> None:
    """Counts are ignored; a feature may contain colons; unlabeled files accept any label."""
    line = "i_liked:2 liked:1 a:b:3 #label#:positive\n"
    assert counted(line) == ([Review("i_liked liked a:b", "positive")], [])
    assert counted(f"\n{line}", None) == ([Review("i_liked liked a:b", None)], [])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("liked:1 #label#:negative", "the label is negative, expected positive"),
        ("liked:1", "the label is missing"),
        ("#label#:positive", "no features"),
        ("liked #label#:positive", "name:count"),
        ("liked:0 #label#:positive", "name:count"),
        ("liked:x #label#:positive", "name:count"),
        (":1 #label#:positive", "name:count"),
    ],
)
def test_bad_counts_are_faults_with_their_line(line: str, says: str) -> None:
    """A bad line is a fault, and the lines around it are kept."""
    good = "good:1 #label#:positive\n"
    found, faults = counted(f"{good}{line}\n{good}")
    assert len(found) == 2
    assert [fault.line for fault in faults] == [2]
    assert says in faults[0].what


def test_kinds_and_polarities_become_a_dataset(tmp_path: Path) -> None:
    """A dataset has the reviews of one kind of product, unlabeled ones included."""
    rare = b"".join(review(f"unheard{n} unheard").encode() for n in range(5))
    members = files() | {"sorted_data_acl/books/unlabeled.review": rare, "stopwords": b"a\n"}
    packed(tmp_path / ARCHIVE, members)
    found = catalogue.CATALOGUE["amazon-books"].split(tmp_path, options(terms=10))
    assert [len(split.y_N) for split in found] == [42 + 5, 6, 12]
    assert found.train.encoding.class_names == ("negative", "positive")
    assert [np.bincount(split.y_N[split.y_N >= 0]).tolist() for split in found] == [
        [21, 21], [3, 3], [6, 6]
    ]  # fmt: skip
    assert "unheard" in found.train.encoding.vocabulary.terms
    for split in found:
        label_of = {"negative": 0, "positive": 1}
        for bits, y in zip(split.x_NI, split.y_N, strict=True):
            terms = {found.train.encoding.vocabulary.terms[i] for i in bits.indices}
            assert y == -1 or {name for name in label_of if name in terms} == {
                ("negative", "positive")[y]
            }
    others = catalogue.CATALOGUE["amazon-kitchen"].split(tmp_path, options())
    assert [len(split.y_N) for split in others] == [42, 6, 12]


def test_stars_of_all_kinds(tmp_path: Path) -> None:
    """The classes are the numbers of stars that occur."""
    packed(tmp_path / ARCHIVE, files())
    found = catalogue.CATALOGUE["amazon-stars"].split(tmp_path, options())
    assert found.train.encoding.class_names == ("1", "2", "4", "5")
    assert sum(len(split.y_N) for split in found) == 240
    assert found.train.encoding.vocabulary.stars


def test_processed_archive_has_terms_of_its_own(tmp_path: Path) -> None:
    """The features are the terms; an underscore joins the words of a bigram."""
    line = "not_good:1 good:2 not:1 #label#:{}\n"
    members: dict[str, bytes] = {
        f"processed_acl/books/{name}.review": line.format(name).encode() * 30
        for name in ("negative", "positive")
    }
    packed(tmp_path / "processed_acl.tar.gz", members)
    books = catalogue.CATALOGUE["amazon-books"]
    one = books.split(tmp_path, options(terms=2))
    assert one.train.encoding.vocabulary.terms == ("good", "not")
    both = books.split(tmp_path, options(terms=3, ngrams=(1, 2)))
    assert both.train.encoding.vocabulary.terms == ("good", "not", "not_good")
    assert both.train.encoding.vocabulary.encode(["GOOD so_so not_good"]).toarray().tolist() == [
        [1, 0, 1]
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sorted_data_acl/books/positive.review": None}, "positive.review is absent"),
        ({"sorted_data_acl/books/unlabeled.review": bytes(70_000)}, "expected at most"),
        ({"bomb": bytes(1_000_000)}, "more than .* bytes when expanded"),
    ],
    ids=["absent", "large", "bomb"],
)
def test_hostile_archives_are_refused(tmp_path: Path, monkeypatch, changes, says: str) -> None:
    """The archive is refused in one line, and nothing is written."""
    monkeypatch.setattr(amazon, "LARGEST", archives.AtMost(1 << 16))
    monkeypatch.setattr(amazon, "OTHERS", 1 << 16)
    members = {name: member for name, member in (files(3) | changes).items() if member is not None}
    path = packed(tmp_path / ARCHIVE, members)
    with pytest.raises(Problem, match=says) as caught:
        catalogue.CATALOGUE["amazon-books"].split(tmp_path, options())
    assert str(path) in str(caught.value)
    assert [*tmp_path.iterdir()] == [path]


def test_archive_without_a_published_hash_has_to_be_whole(tmp_path: Path) -> None:
    """Any complete gzip is accepted; half of one or a web page is not."""
    [file] = amazon.files(amazon.Source())
    path = packed(tmp_path / ARCHIVE, files(3))
    assert file.name == path.name
    assert file.fault(path) is None
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert "not a whole gzip file" in str(file.fault(path))
    path.write_bytes(b"<html>not found</html>")
    assert "not a whole gzip file" in str(file.fault(path))
    path.write_bytes(whole)
    limited = RemoteFile(ARCHIVE, "", None, (), expanded=True, limit=1000)
    assert "expands to more than" in str(limited.fault(path))


@real
def test_real_archive_has_two_thousand_reviews_a_kind() -> None:
    """The classes are balanced, no line is bad, and stars are 1, 2, 4 and 5."""
    for kind in amazon.KINDS:
        found = amazon.corpus(f"amazon-{kind}", (kind,), MIRROR, Preprocess())
        assert np.bincount(found.label_N[found.labeled]).tolist() == [1000, 1000]
        assert found.notes["bad_lines"] == []
    stars = amazon.corpus("amazon-stars", tuple(amazon.KINDS), MIRROR, Preprocess())
    assert stars.class_names == ("1", "2", "4", "5")
    assert np.bincount(stars.label_N[stars.labeled]).tolist() == [2421, 1579, 1121, 2879]


@real
def test_real_reviews_are_what_they_say() -> None:
    """The terms of the first review are the words of its title and text."""
    found = amazon.corpus("amazon-kitchen", ("kitchen",), MIRROR, Preprocess())
    words = texts_of(found)[1000]
    assert found.class_names[found.label_N[1000]] == "positive"
    assert {"perfectly", "atmosphere", "snicket", "ad", "infinitum"} & words == {
        "perfectly", "atmosphere", "ad", "infinitum",
    }  # fmt: skip


@real
@pytest.mark.parametrize("name", [entry.name for entry in amazon.AMAZON])
def test_real_datasets_go_the_whole_way(tmp_path: Path, name: str) -> None:
    """From the mirror to splits and a card, with the options of params.yaml."""
    settings = params.load(committed.params())
    raw, ready, out = (tmp_path / part for part in ("raw", "ready", "out"))
    catalogue.download(settings, name, raw, downloads=tmp_path / "kept", mirror=MIRROR.parent)
    catalogue.preprocess(settings, name, raw, ready=ready, results=out)
    card = storage.read_json(out / "card.json")
    assert card["inputs"] == 5000
    assert card["files"][0]["digest"] == storage.digest(MIRROR / ARCHIVE)
    assert not card["files"][0]["official"]
    facts = dict(dataset_card.data(SimpleNamespace(card=card, samples={})).facts)
    assert facts["Files"].endswith("no hash is published")
    assert facts["Bad lines"] == "none"
    total = 8000 if name == "amazon-stars" else 2000
    assert [part["examples"] for part in card["splits"].values()] == [
        0.7 * total, 0.1 * total, 0.2 * total
    ]  # fmt: skip
    with np.load(ready / "train.npz") as train, np.load(ready / "test.npz") as test:
        assert not {*train["id"].tolist()} & {*test["id"].tolist()}
