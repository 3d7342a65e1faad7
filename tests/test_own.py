"""The user's own data: options, inventory of the files, and shares of the splits."""

import json
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.data.sources import own
from pipeline.runtime.errors import Problem
from tests.own_data import classes, made, npz, picture, ready, save, stock

COUNTS = {"b": 20, "a": 10, "c": 4}


def rows(split):
    return {tuple(row) for row in split.x_NI.tolist()}


def table(path: Path, labels: list[int]) -> dict[str, str]:
    x_NI = np.arange(2 * len(labels), dtype=np.uint8).reshape(-1, 2)
    return {"npz": str(npz(path, X=x_NI, y=np.array(labels)))}


def test_yaml_lists_are_sizes() -> None:
    """A list of two numbers in params.yaml is rows and columns."""
    options = YAML(typ="safe", pure=True).load("{size: [32, 16], color: true, valid: 0.2}")
    assert own.Preprocess.model_validate(options).size == (32, 16)


@pytest.mark.parametrize(
    ("form", "block", "says"),
    [
        (own.Source, {}, "set exactly one of folder, npz, csv and reviews"),
        (own.Source, {"npz": "a", "csv": "b"}, "set exactly one of"),
        (own.Source, {"note": "none"}, "set exactly one of"),
        (
            own.Source,
            {"csv": "a.csv", "unlabeled": "b.csv"},
            "unlabeled is allowed only with reviews",
        ),
        (own.Preprocess, {"size": [32]}, "required"),
        (own.Preprocess, {"size": [0, 32]}, "greater"),
        (own.Preprocess, {"size": [32.5, 32]}, "integer"),
        (own.Preprocess, {"valid": 0.5, "test": 0.5}, "nothing to train on"),
        (own.Preprocess, {"delimiter": ";;"}, "a delimiter is one character"),
        (own.Preprocess, {"delimiter": "\n"}, "a delimiter is one character"),
        (own.Preprocess, {"scaling": "none"}, "range"),
    ],
)
def test_options_that_make_no_sense_are_refused(form, block, says: str) -> None:
    """The error says which values are allowed."""
    with pytest.raises(ValueError, match=says):
        form.model_validate(block)


def test_splits_share_every_class(tmp_path: Path) -> None:
    """Each split has its share of each class, at least one example, and none of another split."""
    parts = made({"folder": str(classes(tmp_path / "in", COUNTS))}, tmp_path / "raw")
    found = {part: split.y_N.bincount().tolist() for part, split in parts.items()}
    assert found == {"train": [8, 16, 2], "valid": [1, 2, 1], "test": [1, 2, 1]}
    assert parts["train"].encoding.class_names == ("a", "b", "c")
    assert len(rows(parts["train"]) | rows(parts["valid"]) | rows(parts["test"])) == 34


def test_examples_are_drawn(tmp_path: Path) -> None:
    """A split takes examples from anywhere in a class, not its first ones."""
    parts = made(table(tmp_path / "in.npz", [0, 1] * 50), tmp_path / "raw")
    assert parts["test"].x_NI.max() > 100
    assert parts["train"].x_NI.min() < 20
    assert parts["train"].y_N[:20].unique().tolist() == [0, 1]


def test_given_splits_are_kept(tmp_path: Path) -> None:
    """Images of train, valid and test folders are in the splits of these names."""
    for n, part in enumerate(("train", "valid", "test")):
        for label in "xy":
            save(tmp_path / "in" / part / label / "1.png", picture(2 * n + (label == "y")))
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw")
    for n, part in enumerate(("train", "valid", "test")):
        assert rows(parts[part]) == {tuple(picture(2 * n + y).ravel()) for y in (0, 1)}


def test_valid_is_taken_from_train_where_absent(tmp_path: Path) -> None:
    """A given test split is unchanged; validation examples come from each class of train."""
    for part, count in (("train", 10), ("test", 1)):
        classes(tmp_path / "in" / part, {"x": count, "y": 2 * count})
    parts = made({"folder": str(tmp_path / "in")}, tmp_path / "raw", valid=0.2)
    found = {part: split.y_N.bincount().tolist() for part, split in parts.items()}
    assert found == {"train": [8, 16], "valid": [2, 4], "test": [1, 2]}


def test_bytes_depend_on_the_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in which files are made and listed changes neither inventory nor splits."""
    outcomes = []
    listing = Path.iterdir
    for name, order in (("one", 1), ("two", -1)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setattr(Path, "iterdir", lambda p, n=order: iter([*listing(p)][::n]))
        classes(Path("in"), dict([*COUNTS.items()][::order]))
        for n, label in enumerate("bac"):
            save(Path("in", label, "0.png"), picture(5000 + n))
            for image in range(1, COUNTS[label]):
                save(Path("in", label, f"{image}.png"), picture(1000 * n + image))
        made({"folder": "in"}, Path("raw"))
        outcomes.append({p.name: p.read_bytes() for p in sorted(listing(Path("raw")))})
    assert len(outcomes[0]) == 4
    assert outcomes[0] == outcomes[1]


def test_inventory_names_every_file(tmp_path: Path) -> None:
    """Files of operating systems are passed over; nothing is copied."""
    root = classes(tmp_path / "in", {"a": 2, "b": 1})
    for junk in (".DS_Store", "a/Thumbs.db", "b/._0.png", "b/.notes"):
        (root / junk).write_bytes(b"junk")
    stock({"folder": str(root)}, tmp_path / "raw")
    found = json.loads((tmp_path / "raw/inventory.json").read_text())
    assert [file["path"] for file in found["files"]] == ["a/0.png", "a/1.png", "b/0.png"]
    assert found["files"][0]["size"] == (root / "a/0.png").stat().st_size
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["inventory.json"]


@pytest.mark.parametrize("change", ["other", "longer", "gone"])
@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_changed_file_is_noticed(tmp_path: Path, kind: str, change: str) -> None:
    """A file that changed after the download is named, with the command that helps."""
    if kind == "folder":
        source = {"folder": str(classes(tmp_path / "in", COUNTS))}
        path = tmp_path / "in/a/3.png"
    else:
        source = table(tmp_path / "in.npz", [0, 1] * 5)
        path = tmp_path / "in.npz"
    stock(source, tmp_path / "raw")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?" if change == "other" else content + b"?")
    if change == "gone":
        path.unlink()
    says = f"{path} has changed since it was recorded: run dvc repro -f download@mine"
    with pytest.raises(Problem, match=says):
        ready(tmp_path / "raw")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([0] * 9, "in.npz has only one class, 0: add another"),
        ([0, 0, 0, 1], "class 1 of .*in.npz has 1 examples to share between train and test and"),
        ([0, 0, 0, 1, 1], "class 1 of .*in.npz has 2 examples"),
    ],
)
def test_too_few_examples_are_refused(tmp_path: Path, labels: list[int], says: str) -> None:
    """The error names the class and its number of examples."""
    with pytest.raises(Problem, match=says):
        made(table(tmp_path / "in.npz", labels), tmp_path / "raw")


def test_options_of_another_kind_are_refused(tmp_path: Path) -> None:
    """An option without effect is refused by name."""
    source = table(tmp_path / "in.npz", [0, 1] * 5)
    with pytest.raises(Problem, match=r"mine\.preprocess\.size does not apply to a source of kind"):
        made(source, tmp_path / "raw", size=[8, 8])
    with pytest.raises(Problem, match=r"preprocess\.scaling: .*in\.npz has bytes"):
        ready(tmp_path / "raw", scaling="range")


def test_share_of_a_given_split_is_refused(tmp_path: Path) -> None:
    """A share for testing is refused where the files define the test split."""
    for part in ("train", "test"):
        classes(tmp_path / "in" / part, {"x": 3, "y": 3})
    with pytest.raises(Problem, match=r"preprocess\.test: .*already has a test split"):
        made({"folder": str(tmp_path / "in")}, tmp_path / "raw", test=0.2)


@pytest.mark.parametrize("kind", ["folder", "npz", "csv"])
def test_absent_source_is_named(tmp_path: Path, kind: str) -> None:
    """A source that is absent, or of another kind, is a Problem that names the setting."""
    path = tmp_path / "nowhere"
    with pytest.raises(Problem, match=rf"datasets\.mine\.source\.{kind}: there is no .*nowhere"):
        stock({kind: str(path)}, tmp_path / "raw")


def test_damaged_inventory_is_refused(tmp_path: Path) -> None:
    """An inventory that is cut short is a Problem that names the file."""
    stock(table(tmp_path / "in.npz", [0, 1] * 5), tmp_path / "raw")
    path = tmp_path / "raw/inventory.json"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Problem, match=r"inventory\.json cannot be read"):
        ready(tmp_path / "raw")


def test_links_within_the_folder_are_files(tmp_path: Path) -> None:
    """A link to an image of the same folder is an image; one that leaves it is refused."""
    root = classes(tmp_path / "in", {"a": 3, "b": 3})
    (root / "b/9.png").symlink_to(root / "a/0.png")
    assert len(made({"folder": str(root)}, tmp_path / "raw")["train"]) == 3
    save(tmp_path / "out/1.png", picture(1))
    for target, says in (
        (tmp_path / "out/1.png", "link out of"),
        (tmp_path / "out", "link to a folder"),
        (root / "b", "link to a folder"),
        (tmp_path / "none", "broken link"),
        (root / "a/8.png", "broken link"),
    ):
        (root / "a/8.png").unlink(missing_ok=True)
        (root / "a/8.png").symlink_to(target)
        with pytest.raises(Problem, match=rf"a/8\.png is a {says}"):
            stock({"folder": str(root)}, tmp_path / "raw")
