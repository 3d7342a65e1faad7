"""Folder of a question: a small project with params.yaml, dvc.yaml, data, runs and results.

Every command of the project works in this folder as in the repository's root.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.params import Dataset, Params, checked_name
from pipeline.data.catalogue import CATALOGUE
from pipeline.data.sources import own
from pipeline.questions.files import Recognized, recognize, relative
from pipeline.questions.question import FILE, LOOKS, Question, block, checked
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem

FOLDER = Path("questions")
NAMES = {"text", "stars", "x", "y"}  # options whose values are names of columns or arrays
OF_FILES = {"label": "--label", "scaling": "--scaling", "preprocess": "--set"}  # options
IGNORED = ("data/", "runs/", "report/", "results/*/*.npz", "results/*/curves.json")
SHARED = ("runs/trained", "data/downloads")  # of the root: nothing is trained or fetched twice
CODE = re.compile(r"^(\s+- )(stages|pipeline)/", re.MULTILINE)  # a dependency of dvc.yaml


def folder_of(data: str, params: Params, name: str | None) -> Path:
    """Return the folder of the question about files or a dataset of params.yaml.

    Raises Problem where its name is not safe in a path.
    """
    if name is None:
        name = re.sub(r"[^\w-]+", "-", Path(data).resolve().name.partition(".")[0]).strip("-")
        if name in {*CATALOGUE, *params.datasets} and data not in params.datasets:
            name = f"my-{name}"  # these names mean other files
    elif name in CATALOGUE and data != name:
        raise Problem(f"--name {name} is the name of a dataset: give another one")
    try:
        return FOLDER / checked_name(name)
    except ValueError as error:
        raise Problem(
            f"{name!r} is not a valid name of a question: {error}, or give --name"
        ) from error


def normalized(data: str, params: Params) -> str:
    """Return the path of files in its shortest form; names of datasets stay as they are.

    A path such as `./digits` keeps a mark that it is none of these names.
    """
    if data in params.datasets:
        return data
    path = os.path.normpath(data)
    return f"./{path}" if path in params.datasets else path


def options_of(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the options of assignments NAME=VALUE; a value is JSON, else text.

    Raises Problem for a text without "=".

    >>> options_of(["size=[28, 28]", "background=black", "text=0"])  # a column may be named 0
    {'size': [28, 28], 'background': 'black', 'text': '0'}
    """
    options = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise Problem(f"--set {assignment}: expected NAME=VALUE, for example background=black")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        names = name.strip() in NAMES and not isinstance(read, str)
        options[name.strip()] = value if names else read
    return options


def question_of(
    folder: Path, params: Params, given: Mapping[str, Any], arms: Mapping[str, str | None]
) -> Question:
    """Return the question of a folder with the options that were given, or the recorded question.

    `arms` has activations and initializations, joined by commas. An option that is None was not
    given. Raises Problem for a wrong option, and where one differs from the record: the design of a
    question is fixed before its first network.
    """
    lists = {key: text and [name.strip() for name in text.split(",")] for key, text in arms.items()}
    given = {key: value for key, value in {**given, **lists}.items() if value is not None}
    if given.get("data") in params.datasets:
        for key in [key for key in OF_FILES if given.get(key)]:
            raise Problem(
                f"{OF_FILES[key]} has no effect on {given['data']}, a dataset of params.yaml: "
                "leave it out, or change the dataset's options there"
            )
    path = folder / FILE
    if not path.exists():
        default = {"initializations": ["random"], "activations": params.run.activations}
        return checked({"dataset": folder.name, "looks": [*LOOKS], **default, **given}, params)
    try:
        recorded = Question.model_validate(storage.read_json(path))
    except ValidationError as error:
        raise Problem(
            f"{path} is not a question of this version: delete {folder}, or give --name"
        ) from error
    for key, value in given.items():
        if getattr(recorded, key) != value:
            raise Problem(
                f"{folder} has {key} = {getattr(recorded, key)}, which is fixed before "
                f"the first run: give --name for a new question, or delete {folder}"
            )
    return recorded


def dataset_of(question: Question, params: Params, folder: Path) -> tuple[Dataset, str]:
    """Return the block of a question's dataset, and a description of its files.

    Raises Problem where the files cannot be used.
    """
    if question.data not in params.datasets:
        made: Recognized = recognize(Path(question.data), folder, question)
        train = int(made.rows * (1 - sum(made.preprocess.get(k, 0) for k in ("valid", "test"))))
        return block(made.source, made.preprocess, train), made.what
    known = params.dataset(question.data)
    paths = {
        key: [relative(path, folder) for path in value]
        if isinstance(value, list)
        else relative(value, folder)
        for key, value in known.source.items()
        if key in own.KINDS | {"unlabeled"}
    }
    return known.model_copy(update={"source": known.source | paths}), "a dataset of params.yaml"


def furnish(folder: Path) -> None:
    """Write what git leaves out of a question's folder, and links to the root's shared folders.

    The links, of trained networks and downloads, are left out where the system has none.
    """
    storage.write_bytes(folder / ".gitignore", "".join(f"/{p}\n" for p in IGNORED).encode())
    for shared in map(Path, SHARED):
        shared.mkdir(parents=True, exist_ok=True)
        link = folder / shared
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and not link.exists():
            link.unlink()  # an absolute link of a project that was moved
        with suppress(OSError):
            target = relative(shared.absolute(), link.parent.resolve())
            link.symlink_to(target, target_is_directory=True)


def add_stages(folder: Path) -> Path:
    """Write the dvc.yaml of a question's folder, which has a params.yaml; return its path.

    DVC refuses every command in the repository while a dvc.yaml has no params.yaml beside it.
    """
    up, path = relative(Path(), folder), folder / "dvc.yaml"
    stages = CODE.sub(rf"\1{up}/\2/", Path("dvc.yaml").read_text("utf-8"))
    storage.write_bytes(path, stages.encode())
    return path
