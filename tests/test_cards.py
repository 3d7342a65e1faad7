"""Data card and sample images of a dataset."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config.arms import Arm
from pipeline.data.cards import data_card, samples, split_statistics
from pipeline.data.download.fetch import RemoteFile
from pipeline.data.sources import cifar10, digits, own
from pipeline.data.sources.dataset import Dataset, NoOptions
from pipeline.data.splits import examples
from pipeline.data.splits.distortions import pipelines
from pipeline.data.splits.encoding import UNBOUNDED, Encoding, decode
from pipeline.data.splits.split import Split
from pipeline.report.figures import dataset_card
from pipeline.runtime.errors import Problem
from pipeline.tracking import artifacts
from tests import own_data

PARTS = ("train", "valid", "test")


def write(folder: Path, form: Encoding, y: list[int], x=None, **others) -> Path:
    """Write three equal splits; the pixels of an example are its position."""
    y_N = np.array(y)
    if x is None:
        x = np.repeat(np.arange(len(y_N), dtype=np.uint8)[:, None], form.inputs, 1)
    for part in PARTS:
        examples.write(Split(x, others.get(part, y_N), form), folder / f"{part}.npz")
    return folder


def form(classes: int, shape=(2, 3), **options) -> Encoding:
    return Encoding(shape, tuple(f"c{n}" for n in range(classes)), **({"scale": 1 / 255} | options))


def entry(**changes) -> Dataset:
    words = dict.fromkeys(("name", "title", "address", "citation", "license"), "word")
    return Dataset(**({**words, "split": digits.split} | changes))


def card(ready: Path, dataset: Dataset | None = None) -> dict:
    raw = ready / "raw"
    raw.mkdir(exist_ok=True)
    return data_card.card(dataset or entry(), NoOptions(), NoOptions(), raw=raw, ready=ready)


def sheet(ready: Path) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(samples.samples(ready)), allow_pickle=False) as file:
        return dict(file)


def test_examples_are_counted_by_split_and_class(tmp_path: Path) -> None:
    """Each split has counts of its own; a class without examples counts 0."""
    write(tmp_path, form(3), [0, 0, 2], valid=np.array([1, 1, 1]))
    splits = card(tmp_path)["splits"]
    assert splits["train"] == {"examples": 3, "by_class": [2, 0, 1]}
    assert splits["valid"] == {"examples": 3, "by_class": [0, 3, 0]}


def test_official_files_are_listed_with_their_size(tmp_path: Path) -> None:
    """The card has the size of the file on disk, and the official digest."""
    file = RemoteFile("a.gz", "abc", None, ("https://x",), algorithm="md5", expanded=True)
    dataset = entry(files=lambda _: (file,))
    write(tmp_path, form(2), [0, 1])
    with pytest.raises(Problem, match=r"a\.gz is missing"):
        card(tmp_path, dataset)
    (tmp_path / "raw/a.gz").write_bytes(b"12345")
    (told,) = card(tmp_path, dataset)["files"]
    assert (told["name"], told["bytes"], told["algorithm"], told["digest"]) == (
        *("a.gz", 5, "md5", "abc"),
    )
    assert told["digest_of"] == "what its gzip holds"
    assert told["official"]


def test_written_files_are_listed_with_their_own_hash(tmp_path: Path) -> None:
    """A file that download wrote is not official; its digest does not depend on its zip headers."""
    (tmp_path / "raw").mkdir()
    digests = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "raw/made.npz", "w", method) as archive:
            archive.writestr("x.npy", b"a" * 100)
        (told,) = card(write(tmp_path, form(2), [0, 1]))["files"]
        assert not told["official"]
        digests.append(told["digest"])
    assert digests[0] == digests[1] == hashlib.sha256(b"a" * 100).hexdigest()


def own_card(folder: Path, source: Path, **said: str) -> dict:
    given = {"folder": str(source), **said}
    own_data.made(given, folder)
    chosen = own.Preprocess(valid=0.2)
    dataset, source_ = own.entry("mine"), own.Source.model_validate(given)
    return data_card.card(dataset, source_, chosen, raw=folder, ready=folder)


def test_own_files_have_one_fingerprint(tmp_path: Path) -> None:
    """The fingerprint survives a move of the folder, and changes with any file."""
    source = own_data.classes(tmp_path / "in", {"a": 5, "b": 5})
    first = own_card(tmp_path / "1", source, note="lossy", title="Mine")
    assert (first["title"], first["note"], first["license"]) == ("Mine", "lossy", "none given")
    assert first["own_files"]["files"] == 10
    assert first["own_files"]["bytes"] == sum(p.stat().st_size for p in source.rglob("*.png"))
    moved = source.rename(tmp_path / "moved")
    again = own_card(tmp_path / "2", moved)
    assert again["own_files"]["fingerprint"] == first["own_files"]["fingerprint"]
    own_data.save(moved / "a/0.png", own_data.picture(77))
    assert own_card(tmp_path / "3", moved)["own_files"] != again["own_files"]


def test_duplicates_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Images in several splits or classes are counted, and warned of in one line."""
    root = tmp_path / "in"
    for part, images in (("train", "012345"), ("valid", "06"), ("test", "7016")):
        for name in images:
            own_data.save(root / part / "a" / f"{part}{name}.png", own_data.picture(int(name)))
            own_data.save(root / part / "b" / f"{part}{name}.png", own_data.picture(10 + int(name)))
    source = own.Source(folder=str(root))
    own_data.made({"folder": str(root)}, tmp_path / "raw")
    folders = {"raw": tmp_path / "raw", "ready": tmp_path / "raw", "out": tmp_path}
    data_card.write(own.entry("mine"), source, own.Preprocess(), **folders)
    content = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert content["duplicates"] == {"valid_in_train": 2, "test_in_train": 6, "in_two_classes": 0}
    assert (
        "2 validation examples are also in training, 6 test examples in training or validation"
        in (caplog.text.replace("\n", " "))
    )
    facts = dict(dataset_card.data(SimpleNamespace(card=content, samples={})).facts)
    assert facts["Duplicates"].startswith("2 validation examples are also in training, 6 test")
    own_data.save(root / "train/b/copy.png", own_data.picture(3))
    own_data.made({"folder": str(root)}, tmp_path / "raw")
    assert split_statistics.repeated(tmp_path / "raw")["in_two_classes"] == 2
    alike = own_data.classes(tmp_path / "no", {"a": 5, "b": 5})
    assert "duplicates" not in own_card(tmp_path / "2", alike)


def test_own_options_are_those_that_matter(tmp_path: Path) -> None:
    """A folder of images has no delimiter, and a folder with a test split no share for testing."""
    options = own_card(tmp_path / "1", own_data.classes(tmp_path / "in", {"a": 5, "b": 5}))
    assert options["options"] == {"valid": 0.2, "test": 0.1}
    for part in ("train", "test"):
        own_data.classes(tmp_path / "parts" / part, {"a": 5, "b": 5})
    options = own_card(tmp_path / "2", tmp_path / "parts")
    assert options["options"] == {"valid": 0.2}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scale": 1 / 255}, "value * 1/255"),
        ({"scale": 1.0}, "value as stored"),
        ({"scale": 2 / 255, "offset": -1.0}, "value * 2/255 - 1"),
        ({"scale": 0.01234567}, "value * 0.0123457"),
        ({"scale": 0.5, "centered": True}, "value * 1/2, less the mean of its example"),
    ],
)
def test_preparation_in_words(changes, words: str) -> None:
    """The formula has the numbers of the encoding."""
    assert data_card.preparation(form(2, **changes)) == words


@pytest.mark.parametrize(
    ("dtype", "changes"),
    [("uint8", {"scale": 2 / 255, "offset": -1.0}), ("uint8", {"centered": True}),
     ("float32", {"scale": 1.0}), ("float32", {"scale": 0.5, "centered": True})],
)  # fmt: skip
def test_the_range_is_that_of_the_inputs(tmp_path: Path, monkeypatch, dtype, changes) -> None:
    """The range is the same block by block as of the whole split."""
    x_NI = np.random.default_rng(0).integers(3, 240, (20, 6)).astype(dtype)
    chosen = form(2, **changes)
    write(tmp_path, chosen, [0, 1] * 10, x_NI)
    monkeypatch.setattr(split_statistics, "BLOCK", 7 * x_NI[0].nbytes)
    inputs = decode(torch.from_numpy(x_NI), chosen)
    found = split_statistics.input_range(tmp_path / "train.npz", chosen)
    ends = [inputs.min().item(), inputs.max().item()]
    assert found == (dtype, *(pytest.approx(end, rel=1e-5) for end in ends))


def test_blocks_are_small_and_whole(tmp_path: Path, monkeypatch) -> None:
    """The blocks concatenate to the split; none exceeds the limit."""
    x_NI = np.random.default_rng(0).integers(0, 256, (20, 6)).astype(np.uint8)
    write(tmp_path, form(2), [0, 1] * 10, x_NI)
    monkeypatch.setattr(split_statistics, "BLOCK", 40)
    found = list(split_statistics.blocks(tmp_path / "train.npz"))
    assert [len(block) for block in found] == [6, 6, 6, 2]
    assert (np.concatenate(found) == x_NI).all()


def test_the_rule_is_the_split_functions_first_paragraph() -> None:
    """The rule is the first paragraph without `Return`; a function without docstring has none."""
    assert (
        data_card.rule(cifar10.split)
        == "50,000 / 5,000 / 5,000 examples, as many as the paper has."
    )
    assert data_card.rule(lambda raw, options: None) == ""


def test_cards_repeat_to_the_byte(tmp_path: Path) -> None:
    """The same splits give the same bytes of both files; infinite bounds become null."""
    write(tmp_path, form(2, bounds=UNBOUNDED), [0, 1, 0])
    (tmp_path / "raw").mkdir()
    files = []
    for out in (tmp_path / "1", tmp_path / "2"):
        options = {"raw": tmp_path / "raw", "ready": tmp_path, "out": out}
        data_card.write(entry(), NoOptions(), NoOptions(), **options)
        files.append([(out / name).read_bytes() for name in ("card.json", "samples.npz")])
    assert files[0] == files[1]
    assert json.loads(files[0][0])["bounds"] == [None, None]


def test_few_classes_have_a_row_each(tmp_path: Path, monkeypatch) -> None:
    """A row has the first eight images of a class, and gaps where the class has fewer."""
    monkeypatch.setattr(split_statistics, "BLOCK", 20)  # three examples at once
    found = sheet(write(tmp_path, form(2), [1, 0, 1, 0, 0] + [1] * 9))
    assert found["x"].shape == (2, 8, 2, 3)
    assert found["rows"].tolist() == ["c0", "c1"]
    assert found["y"].tolist() == [[0, 0, 0, -1, -1, -1, -1, -1], [1] * 8]
    assert found["x"][:, :, 0, 0].tolist() == [[1, 3, 4, 0, 0, 0, 0, 0], [0, 2, 5, 6, 7, 8, 9, 10]]


@pytest.mark.parametrize(("classes", "shown", "each"), [(13, 13, 2), (62, 62, 1), (200, 64, 1)])
def test_many_classes_share_a_sheet(tmp_path: Path, classes, shown, each) -> None:
    """A sheet has one or two images per class, at most 64, of evenly spaced classes in order."""
    y = [n for n in range(classes) for _ in range(3)]
    found = sheet(write(tmp_path, form(classes), y))
    y_shown = found["y"][found["y"] >= 0]
    assert found["x"].shape[1] == 16
    assert not len(found["rows"])
    assert (np.unique(y_shown, return_counts=True)[1] == each).all()
    assert len(y_shown) == shown * each <= 64
    assert (np.diff(y_shown) >= 0).all()
    assert y_shown.max() >= classes * 0.98 - 1


def test_pixels_span_the_bounds_of_the_inputs(tmp_path: Path) -> None:
    """Pixels of 0 to 16 become 0 to 255; centered bytes stay; floats span their own range."""
    x_NI = np.array([[0, 8, 16]], np.uint8)
    half = Encoding((1, 3), ("a",), 1 / 16)
    assert samples._bytes(x_NI, half).ravel().tolist() == [0, 128, 255]
    signed = Encoding((1, 3), ("a",), 1 / 8, -1.0, bounds=(-1.0, 1.0))
    assert samples._bytes(x_NI, signed).ravel().tolist() == [0, 128, 255]
    centered = Encoding((1, 3), ("a",), 1 / 8, centered=True)
    assert samples._bytes(x_NI, centered).ravel().tolist() == [0, 8, 16]
    free = Encoding((1, 3), ("a",), bounds=UNBOUNDED)
    numbers = np.array([[-3, 1, 2]], np.float32)
    assert samples._bytes(numbers, free).ravel().tolist() == [0, 204, 255]


def test_large_pictures_are_reduced(tmp_path: Path) -> None:
    """An image has at most 64 pixels a side, and all its planes."""
    x_NI = np.zeros((2, 3 * 130 * 20), np.uint8)
    found = sheet(write(tmp_path, form(2, (3, 130, 20)), [0, 1], x_NI))
    assert found["x"].shape == (2, 8, 3, 44, 7)


def test_rows_of_numbers_have_no_pictures(tmp_path: Path) -> None:
    """samples.npz has no images of them."""
    assert not sheet(write(tmp_path, form(2, (6,)), [0, 1]))["x"].size


def test_only_training_images_are_shown(tmp_path: Path) -> None:
    """samples.npz does not depend on the validation and test files."""
    write(tmp_path, form(2), [0, 1])
    first = samples.samples(tmp_path)
    for part in ("valid", "test"):
        (tmp_path / f"{part}.npz").unlink()
    assert samples.samples(tmp_path) == first


def test_a_generators_modules_are_shown_one_by_one(tmp_path: Path) -> None:
    """The first row has clean characters of different classes, the last row all modules."""
    x_NI = np.random.default_rng(0).integers(0, 256, (20, 1024)).astype(np.uint8)
    chosen = form(10, (32, 32), pipeline="nistp")
    ready = write(tmp_path, chosen, list(range(10)) * 2, x_NI)
    found = sheet(ready)
    names = ["slant", "thickness", "affine", "local elastic", "pinch"]
    assert found["rows"].tolist() == ["source", *names, "all together"]
    assert found["y"][0].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    clean = {tuple(row) for row in x_NI.tolist()}
    assert all(tuple(row) in clean for row in found["x"][0].reshape(8, -1).tolist())
    characters = pipelines.Characters(
        torch.from_numpy(x_NI).view(-1, 32, 32), torch.arange(20) % 10
    )
    drawn = pipelines.draw("nistp", characters, samples.STREAM, torch.arange(64))[0]
    assert (found["draws"].reshape(64, -1) == drawn.numpy()).all()
    known = {tuple(row) for row in drawn.tolist()}
    assert any(tuple(row) in known for row in found["x"][-1].reshape(8, -1).tolist())
    assert card(ready)["generator"] == {
        **{"recipe": "nistp", "modules": names, "most_complexity": 0.7, "characters": 20},
    }


def test_an_eye_stands_beside_the_other() -> None:
    """Two planes stand side by side; gaps are transparent."""
    x = np.zeros((1, 2, 2, 4, 4), np.uint8)
    x[0, 0, 1] = 200
    picture = np.asarray(
        Image.open(io.BytesIO(dataset_card.pictures({"x": x, "y": np.array([[0, -1]])})["samples"]))
    )
    assert picture.shape == (4, 17, 4)
    assert picture[0, :, 0].tolist() == [0] * 4 + [200] * 4 + [0] * 9
    assert picture[0, :, 3].tolist() == [255] * 8 + [0] * 9


def test_mlflow_is_given_the_card_and_its_sheets(tmp_path: Path, monkeypatch) -> None:
    """The card is logged where preprocess wrote one, and nothing without a card."""
    monkeypatch.chdir(tmp_path)
    logged = []
    client = SimpleNamespace(
        log_artifacts=lambda run, folder, name: logged.append(
            (name, sorted(path.name for path in Path(folder).iterdir()))
        )
    )
    run = SimpleNamespace(info=SimpleNamespace(run_id="1"))
    arm = Arm("mine", "tanh", "random")
    write(arm.ready, form(2), [0, 1, 1])
    artifacts.log_card(client, run, arm)
    assert not logged
    before = json.loads(artifacts.dataset_input(arm).dataset.profile)
    options = {"raw": arm.ready, "ready": arm.ready, "out": Path("results/mine")}
    data_card.write(entry(), NoOptions(), NoOptions(), **options)
    artifacts.log_card(client, run, arm)
    assert logged == [("data", ["card.json", "samples.png"])]
    profile = json.loads(artifacts.dataset_input(arm).dataset.profile)
    counts = dict.fromkeys(PARTS, 3)
    words = dict.fromkeys(("title", "address", "license"), "word")
    assert profile == before | {"splits": counts, "classes": 2} | words
