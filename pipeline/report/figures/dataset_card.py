"""Data card as the report shows it: a sentence, facts, counts, and sheets of example images."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis.results import Results, folds_of
from pipeline.report.figures import image_grids
from pipeline.report.text.wording import MINUS, percent, plural, sentence

TIMES = "\N{MULTIPLICATION SIGN}"
NAMES = {"train": "Training", "valid": "Validation", "test": "Test"}
SHARPEST = 270  # pixels of a sheet's width; wider sheets are enlarged less than twofold
MOST_CAUSES = 3  # causes of skipped lines that are written out

Card = Mapping[str, Any]
Samples = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Sheet:
    """Images side by side: a data address, the names of its rows if any, and its caption."""

    title: str
    address: str
    rows: list[str]
    caption: str
    width: int  # pixels

    @property
    def enlarged(self) -> bool:
        """Whether it is shown at more than twice its size."""
        return self.width <= SHARPEST


@dataclass(frozen=True)
class Data:
    """A dataset's card in words."""

    sentence: str
    numbers: list[tuple[str, str]]  # name, and count
    facts: list[tuple[str, str]]
    classes: list[tuple[str, list[int]]]  # name, and examples in each split
    files: list[dict[str, Any]]
    sheets: list[Sheet]


def data(results: Results) -> Data | None:
    """Return a dataset's card in words; None without a card."""
    card = results.card
    if card is None:
        return None
    by_class = [card["splits"][part]["by_class"] for part in NAMES]
    return Data(
        sentence=sentence(introduction(card)),
        numbers=_numbers(card),
        facts=_facts(card),
        classes=list(zip(card["class_names"], map(list, zip(*by_class, strict=True)), strict=True)),
        files=card["files"],
        sheets=_sheets(card, results.samples),
    )


def pictures(samples: Samples) -> dict[str, bytes]:
    """Return the sheets of samples.npz as PNG: `samples`, and of a generator `draws`."""
    if not samples or not samples["x"].size:
        return {}
    sheets = {"samples": image_grids.sheet(samples["x"], samples["y"] >= 0)}
    if "draws" in samples:
        draws = samples["draws"]
        sheets["draws"] = image_grids.sheet(draws, np.ones(draws.shape[:2], bool))
    return sheets


def introduction(card: Card) -> str:
    """Return one sentence: the kind and the number of the examples."""
    classes = f"{len(card['class_names'])} classes"
    if card["generator"] is not None:
        characters = f"{card['generator']['characters']:,}"
        return (
            f"{card['title']}: {_kind(card['shape'])} in {classes}, drawn without end from "
            f"{characters} clean characters."
        )
    total = sum(split["examples"] for split in card["splits"].values())
    kind = "texts" if card.get("text") else _kind(card["shape"])
    return f"{card['title']}: {total:,} {kind} in {classes}."


def _kind(shape: list[int]) -> str:
    """Return the kind of examples of a shape.

    >>> _kind([64])
    'rows of 64 numbers'
    """
    size = f"{shape[-2]} {TIMES} {shape[-1]} pixels" if len(shape) > 1 else ""
    if len(shape) == 1:
        return f"rows of {shape[0]:,} {plural(shape[0], 'number')}"
    if len(shape) == 2 or shape[0] == 1:
        return f"gray images of {size}"
    if shape[0] == 2:
        return f"stereo pairs of gray images of {size}"
    return f"color images of {size}" if shape[0] == 3 else f"images of {shape[0]} planes of {size}"


def _numbers(card: Card) -> list[tuple[str, str]]:
    counts = {part: f"{split['examples']:,}" for part, split in card["splits"].items()}
    shown = [(name, counts[part]) for part, name in NAMES.items()]
    if card["generator"] is not None:
        shown[0] = ("Clean characters", counts["train"])
    if card.get("text"):
        shown.insert(1, ("Unlabeled", f"{card['text']['unlabeled']:,}"))
    classes, inputs = f"{len(card['class_names']):,}", f"{card['inputs']:,}"
    return [*shown, ("Classes", classes), ("Inputs", inputs)]


def _facts(card: Card) -> list[tuple[str, str]]:
    low, high = (_number(end) for end in card["range"])
    prepared = card["preparation"].replace("*", TIMES).replace(" - ", f" {MINUS} ")
    facts = [
        ("Note", card["note"]),
        ("Source", _shown(card["address"])),
        ("Citation", card["citation"]),
        ("License", _shown(card["license"])),
        ("Files", _files(card)),
        ("Splits", card["rule"] if folds_of(card) is None else _folds(card["options"])),
        ("Index columns", ", ".join(card.get("index_columns", []))),
        ("Duplicates", _duplicates(card.get("duplicates"))),
        ("Options", "" if card["generator"] else _options(card)),
        ("Inputs", f"{prepared}; from {low} to {high} in training"),
        ("Generator", _distortions(card["generator"])),
        *(text_facts(card["text"]) if card.get("text") else ()),
    ]
    return [(term, text) for term, text in facts if text]


def _duplicates(counts: Mapping[str, int] | None) -> str:
    """Return the numbers of the user's own examples that have the inputs of another example."""
    if counts is None:
        return ""
    return (
        f"{counts['valid_in_train']:,} validation examples are also in training,"
        f" {counts['test_in_train']:,} test examples in training or validation;"
        f" {counts['in_two_classes']:,} examples occur in two classes"
    )


def _shown(address: str) -> str:
    """Return an address without its scheme: the page holds no address that could be fetched."""
    return address.removeprefix("https://").removeprefix("http://").removesuffix("/")


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)


def _options(card: Card) -> str:
    """Return the options in use: with folds no share is held out for testing."""
    unused = "" if folds_of(card) is None else "test"
    return "; ".join(
        f"{name}: {_option(value)}" for name, value in card["options"].items() if name != unused
    )


def _option(value: Any) -> str:
    if isinstance(value, list):
        return f" {TIMES} ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _files(card: Card) -> str:
    own = card["own_files"]
    if own is not None:
        total = f"{own['files']:,} {plural(own['files'], 'file')}, {size(own['bytes'])}"
        return f"{total}; fingerprint of the inventory {own['fingerprint']}"
    files = card["files"]
    total = size(sum(file["bytes"] for file in files))
    if any(file.get("repacked") for file in files):
        known = "a repacked copy, checked by a hash of its content"
    elif not all(file["official"] for file in files):
        known = "no hash is published" if card.get("text") else "made by download"
    else:
        known = "checked by hash"
    return f"{len(files):,} {plural(len(files), 'file')}, {total}, {known}"


def size(count: int) -> str:
    """Return a number of bytes with a unit that fits.

    >>> size(512), size(170_052_171), size(6_200_000_000)
    ('512 bytes', '170 MB', '6.2 GB')
    """
    for unit, bytes_each in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= bytes_each:
            value = count / bytes_each
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{count} {plural(count, 'byte')}"


def _distortions(generator: Mapping[str, Any] | None) -> str:
    if generator is None:
        return ""
    modules = ", ".join(generator["modules"]) or "no module"
    return (
        f"distortion pipeline {generator['recipe']}: {modules}; each at a random complexity from "
        f"0 to {generator['most_complexity']:g}, no image twice in a phase"
    )


def _sheets(card: Card, samples: Samples) -> list[Sheet]:
    images = pictures(samples)
    sheets = []
    if "samples" in images:
        title = "Training images" if card["generator"] is None else "Effect of each module"
        rows = [str(name) for name in samples["rows"]]
        sheets.append(_sheet(title, images["samples"], rows, _caption(card, samples)))
    if "draws" in images:
        caption = "Draws of the whole pipeline, as a network trains on."
        sheets.append(_sheet("Training images", images["draws"], [], caption))
    return sheets


def _sheet(title: str, png: bytes, rows: list[str], caption: str) -> Sheet:
    address = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    width = int.from_bytes(png[16:20])  # of a PNG's header
    return Sheet(title, address, rows, caption, width)


def _caption(card: Card, samples: Samples) -> str:
    generator = card["generator"]
    if generator is not None:
        return (
            "The same characters before and after each module alone, at complexity "
            f"{generator['most_complexity']:g}. Where a module leaves a share of the images as "
            "they are, it does so here. Last row: all together, at random complexities."
        )
    text = "The first training images of each class"
    text += ", a class a row." if len(samples["rows"]) else " shown, in the order of the classes."
    if len(card["shape"]) == 3 and card["shape"][0] == 2:
        text += " Left and right eye stand side by side."
    if list(samples["x"].shape[2:]) != card["shape"]:
        text += " Reduced: networks see larger ones."
    return text


def _folds(options: Mapping[str, Any]) -> str:
    """Return the division of labeled texts into folds, from the options of preprocess."""
    labels, of_the_others = options.get("labels"), "of the other labeled texts"
    text = f"Each seed tests on its own fold of {options['folds']} that share the classes alike"
    if labels is not None:
        text += f"; {labels:,} {of_the_others} keep their labels, the rest are unlabeled"
        of_the_others = "of those"
    valid = percent(options["valid"], 0)
    return (
        f"{text}; {valid}% {of_the_others} validate; each seed has the terms of its own training "
        "part. Counts are those of seed 0."
    )


def text_facts(text: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts about texts, by name, from the card's part about text."""
    fewest, most = text["ngrams"]
    words = plural(most, "word") if fewest == most else f"to {most} words"
    terms = (
        f"the {text['terms']:,} of {fewest} {words} that most training texts have; a text has "
        f"{text['terms_per_text']:g} of them ({100 * text['ones']:.2g}% of the inputs are not "
        f"zero); most often: {', '.join(text['frequent'])}"
    )
    n = text["repeated"]
    repeated = f"{n:,} {plural(n, 'text')} word for word like an earlier one" if n else ""
    return [
        ("Terms", terms),
        ("Repeated", repeated),
        ("Bad lines", skipped_lines(text["bad_lines"])),
    ]


def skipped_lines(causes: Sequence[Mapping[str, Any]]) -> str:
    """Return how many lines of the files were skipped, and why; `none` where none was.

    >>> skipped_lines([])
    'none'
    """
    parts = [
        f"{cause['lines']:,} in {cause['file']} from line {cause['first']} on: {cause['what']}"
        for cause in causes[:MOST_CAUSES]
    ]
    others = len(causes) - MOST_CAUSES
    return "; ".join([*parts, *([f"{others} more causes in card.json"] if others > 0 else [])]) or (
        "none"
    )
