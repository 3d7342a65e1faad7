"""A question: arms to compare on one dataset, with a design that is fixed before the first run."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from pipeline.analysis.sequential import Design
from pipeline.config.params import Dataset, Initialization, Name, Names, Params, Section
from pipeline.data.formats.table import Scaled
from pipeline.data.sources import own
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.training import hidden_units

FILE, PARAMS = Path("question.json"), Path("params.yaml")
LOOKS = (5, 8, 12, 18, 26, 40)  # numbers of seeds at which the test errors are compared
# Shares of the examples of each class, larger than elsewhere: small tests separate nothing.
SHARES = {"valid": 0.15, "test": 0.25}
HIDDEN = (100, 100, 100)
RATES = (0.1, 0.01, 0.001)
STEPS = 8_000  # of one network at most, in mini-batches of `BATCH`
BATCH, FEWEST_EPOCHS, MOST_EPOCHS = 10, 10, 60


def _options(preprocess: dict[str, Any]) -> dict[str, Any]:
    for name in ("label", "scaling"):
        if name in preprocess:
            raise ValueError(f"give --{name} in place of --set {name}")
    try:
        read = own.Preprocess.model_validate(preprocess)
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"].removeprefix("Value error, ")
        where = "".join(f"{part}: " for part in fault["loc"][:1])  # nowhere for several options
        raise ValueError(f"{where}{message}") from error
    return preprocess | ({"delimiter": read.delimiter} if "delimiter" in preprocess else {})


class Question(Section):
    """Arms and design of a question about one dataset.

    The arms are the product of `activations` and `initializations`. `margin` is the difference in
    points of test error below which two arms count as equivalent, `looks` are the numbers of seeds
    at which the arms are compared. `data` is the path of the user's files, or the dataset's name;
    `label` and `scaling` (by default `standardized`) are options of its recognition, `preprocess`
    others of own data, as in params.yaml.
    """

    dataset: Name
    data: str = ""
    label: str | None = None
    scaling: Scaled | None = None
    preprocess: Annotated[dict[str, Any], AfterValidator(_options)] = {}  # noqa: RUF012
    activations: Names
    initializations: Annotated[list[Initialization], Field(min_length=1)]
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.5
    looks: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)]

    def design(self, significance: float, test_examples: int) -> Design:
        """Return the group-sequential design, of the familywise level `significance`."""
        return Design(tuple(self.looks), significance, self.margin, 100 / test_examples)

    def settings(self, params: Params, block: Dataset, seeds: int) -> Params:
        """Return params.yaml with this question's dataset, arms and number of seeds alone."""
        run = {
            **{"datasets": [self.dataset], "activations": self.activations},
            **{"initializations": self.initializations, "seeds": seeds},
        }
        return params.model_copy(
            update={
                "run": params.run.model_copy(update=run),
                "datasets": {self.dataset: block},
            }
        )


def checked(options: dict[str, Any], params: Params) -> Question:
    """Return the question of these options.

    Raises Problem for a wrong option, an unknown activation or function, and fewer than two arms.
    """
    try:
        question = Question.model_validate(options)
    except ValidationError as error:
        fault = error.errors()[0]
        key, message = str(fault["loc"][0]), fault["msg"].removeprefix("Value error, ").lower()
        raise Problem(f"{key} = {options.get(key)!r} is wrong: {message}") from error
    for name in question.activations:
        hidden_units.check(params, name)
    if len({*question.activations}) * len({*question.initializations}) < 2:
        raise Problem("a comparison needs two arms: name another activation")
    return question


def block(source: dict[str, Any], preprocess: dict[str, Any], rows: int) -> Dataset:
    """Return the settings of own data with `rows` training examples: small networks, `STEPS`."""
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, STEPS * BATCH // max(rows, 1)))
    schedule = {"epochs": epochs, "patience": max(FEWEST_EPOCHS, epochs // 4)}
    return Dataset.model_validate(
        {
            **{"source": source, "preprocess": preprocess, "network": {"hidden": [*HIDDEN]}},
            "pretrain": {**schedule, "learning_rates": [*RATES]},
            "finetune": {**schedule, "learning_rates": [*RATES]},
        }
    )


def write_params(settings: Params, folder: Path = Path()) -> None:
    """Write the settings as the params.yaml of a folder, in JSON, which is YAML too."""
    storage.write_json(folder / PARAMS, settings.model_dump(mode="json", exclude_unset=True))
