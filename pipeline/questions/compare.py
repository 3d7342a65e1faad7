"""Comparison of activations on arrays by one call, with the same protocol and code as the stages.

Legend of shape suffixes: N examples, I inputs.
"""

import tempfile
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets

from pipeline.analysis import comparison
from pipeline.analysis.results import Results
from pipeline.config import params
from pipeline.config.params import Dataset, Params
from pipeline.data.formats import npz_arrays
from pipeline.data.sources import own
from pipeline.data.splits.stored_arrays import npz
from pipeline.data.text.labels import MISSING
from pipeline.evaluation import torch_module
from pipeline.networks import population
from pipeline.questions import looks, recommendation
from pipeline.questions.estimator import NetworkClassifier
from pipeline.questions.question import PARAMS, SHARES, Question, block, checked, write_params
from pipeline.questions.table_columns import FEWEST, check_classes
from pipeline.questions.training import prepare, train
from pipeline.report.figures import arms, style
from pipeline.report.text.wording import plural
from pipeline.runtime import instructions, storage
from pipeline.runtime.errors import Problem

if TYPE_CHECKING:
    import pandas as pd

NAME, DATA = "data", "data.npz"
ROOT = Path(__file__).parents[2]
# Training sets threads and rounding of a whole process: it has one of its own, set up alike.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MKL_CBWR": "AUTO"}
ENVIRONMENT |= instructions.common()


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`: test errors of all arms, their tests, and a recommendation.

    `table` has the columns of `results/<dataset>/table.csv`: a row an arm, errors and shares as
    fractions. `tests` has those of tests.csv, and the `verdict` of the sequential design
    (docs/sequential.md). `runs` has those of runs.csv: a row an arm and seed.
    """

    answer: looks.Answer
    settings: Params
    question: Question
    winner: NetworkClassifier

    @cached_property
    def _confidence(self) -> float:
        return self.settings.compare.confidence

    @cached_property
    def table(self) -> "pd.DataFrame":
        """Means and intervals of the arms."""
        return _frame(comparison.table(self.answer.outcomes, self._confidence))

    @cached_property
    def runs(self) -> "pd.DataFrame":
        """Scores of each arm and seed."""
        return _frame(comparison.runs(self.answer.outcomes))

    @cached_property
    def tests(self) -> "pd.DataFrame":
        """Paired tests and decisions of all pairs; differences are first - second."""
        import pandas as pd

        level = self.settings.compare.significance
        rows = _frame(comparison.paired_tests(self.answer.outcomes, self._confidence, level))
        made = [(d.first, d.second, d.verdict) for d in self.answer.decisions]
        verdicts = pd.DataFrame(made, columns=["first", "second", "verdict"])
        return rows.merge(verdicts, how="left", on=["first", "second"])

    @property
    def recommendation(self) -> str:
        """Three sentences: an arm, by how much it is better, and what stays undecided."""
        level = self.settings.compare.significance
        return recommendation.recommendation(self.answer, self.question.margin, level)

    def to_latex(self) -> str:
        """Return the table as LaTeX for the package booktabs, errors and sparsity in percent."""
        shown = self.table[["activation", "initialization", "seeds"]].copy()
        for name in ("test_error_mean", "test_error_low", "test_error_high", "zeros_mean"):
            shown[name.replace("zeros", "sparsity").replace("_", " ")] = 100 * self.table[name]
        return str(shown.to_latex(index=False, float_format="%.2f", escape=True, na_rep="--"))

    def __repr__(self) -> str:
        """Return the recommendation."""
        return self.recommendation

    def _repr_html_(self) -> str:
        """Return recommendation, figure and table for a notebook."""
        figure = style.svg(arms.errors_by_arm, self._results, style.LIGHT).decode()
        figure = figure[figure.index("<svg") :]
        return f"<p>{self.recommendation}</p>{figure}{self.table.to_html(index=False)}"

    @property
    def _results(self) -> Results:
        rows = self.answer.outcomes
        seeds = len(rows[0].records)
        protocol = {"dataset": NAME, "seeds": seeds, "confidence": self._confidence}
        return Results(
            table=comparison.table(rows, self._confidence),
            runs=comparison.runs(rows),
            tests=[],
            curves={},
            protocol=protocol,
            filters={},
            shape=(),
        )


def compare(
    X: Any,
    y: Any,
    activations: Sequence[str] = ("rectifier", "tanh", "softplus"),
    *,
    initializations: Sequence[str] = ("random",),
    seeds: int = 10,
    margin: float = 0.5,
    scaling: Literal["standardized", "range"] = "standardized",
    hidden: Sequence[int] | None = None,
    epochs: int | None = None,
    folder: str | Path | None = None,
) -> Comparison:
    """Compare activations by networks trained on arrays; return test errors, tests and winner.

    X is [N, I] of real numbers, y [N] of classes. 60% of each class train, 15% validate, 25% test;
    features are scaled by their training part. Each seed trains every learning rate, validation
    chooses rate and epoch, and the test examples are scored once a seed. `activations` are those of
    params.yaml, `margin` is the equivalence margin in points of test error, `hidden` are the units
    of each hidden layer, `epochs` are the most epochs. Networks are kept in `folder` and are not
    trained again by a later call; without one they are forgotten.

    Raises ValueError for arrays that scikit-learn would refuse, masked or missing values, a
    quantity in place of classes, classes of too few examples, unknown activations, fewer than two
    seeds or arms, and a folder with other files.
    """
    if np.ma.is_masked(X):
        raise ValueError("X has masked values: fill them, or leave their examples out")
    x_NI, y_N = check_X_y(X, _labels(y), dtype=np.float64)
    check_classification_targets(y_N)
    encoder = LabelEncoder().fit(y_N)
    seeds = _whole("seeds", seeds, least=2)
    if hidden is not None:
        hidden = [_whole("hidden", width, least=1) for width in hidden]
    epochs = epochs if epochs is None else _whole("epochs", epochs, least=1)
    for name, given in {"activations": activations, "initializations": initializations}.items():
        if isinstance(given, str):
            raise ValueError(f"{name} = {given!r}: give a list of names, [{given!r}, ...]")
    try:
        check_classes(y_N.tolist(), "y")
        _check_counts(y_N)
        base = params.load(ROOT / "params.yaml")
        question = checked(
            {
                **{"dataset": NAME, "activations": [*activations], "looks": [seeds]},
                **{"initializations": [*initializations], "margin": margin},
            },
            base,
        )
        made = _block(len(x_NI), scaling, hidden, epochs)
        settings = question.settings(base, made, seeds)
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(folder or temporary).resolve()
            _check_folder(place)
            place.mkdir(parents=True, exist_ok=True)
            return _compared(place, settings, question, x_NI, encoder.transform(y_N), encoder)
    except Problem as problem:
        raise ValueError(str(problem)) from None


def _labels(y: Any) -> Any:
    """Return labels, as an array if they are one-dimensional.

    Raises ValueError where labels are missing or of several types, which cannot be sorted.
    """
    import pandas as pd

    if np.ndim(y) != 1:
        return y  # scikit-learn's checks name the fault
    labels = pd.Series(np.asarray(y, dtype=object))
    if isinstance(y, np.ma.MaskedArray):
        labels[np.ma.getmaskarray(y)] = None
    text = labels.map(lambda label: isinstance(label, str))
    missing = labels.isna() | (text & labels.map(lambda label: str(label).strip() in MISSING))
    if missing.any():
        raise ValueError(f"y has {missing.sum()} missing labels: leave their examples out")
    if text.any() and not text.all():
        raise ValueError("y has labels of text and of other types: write all of them as text")
    return labels.infer_objects().to_numpy()


def _check_counts(y_N: Any) -> None:
    """Raise ValueError where there is one class, or a class has too few examples for the splits."""
    names, counts = np.unique(y_N, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"y has one class, {names[0]}: give examples of two or more")
    if counts.min() < FEWEST:
        raise ValueError(
            f"class {names[counts.argmin()]} of y has {counts.min()} "
            f"{plural(int(counts.min()), 'example')}: give at least {FEWEST}, one for each split, "
            "or leave the class out"
        )


def _whole(name: str, value: Any, *, least: int) -> int:
    """Return an argument as an integer. Raises ValueError where it is none, or below `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} = {value!r}: give whole numbers of at least {least}")
    return int(value)


def _check_folder(place: Path) -> None:
    """Raise ValueError for a file, and for a folder whose files an earlier call did not write."""
    if place.exists() and not place.is_dir():
        raise ValueError(f"folder = {place} is a file: give a folder")
    present = [name for name in (str(PARAMS), DATA) if (place / name).exists()]
    try:
        ours = not present or params.load(place / PARAMS).run.datasets == [NAME]
    except Problem:
        ours = False
    if not ours:
        raise ValueError(
            f"folder = {place} has {' and '.join(present)} of another origin, which would be "
            "replaced: give a new folder"
        )


def _block(rows: int, scaling: str, hidden: Sequence[int] | None, epochs: int | None) -> Dataset:
    share = 1 - sum(SHARES.values())
    made = block({"npz": DATA}, SHARES | {"scaling": scaling}, int(share * rows))
    changes: dict[str, Any] = {}
    if hidden is not None:
        changes["network"] = made.network.model_copy(update={"hidden": [*hidden]})
    if epochs is not None:
        changes |= {
            phase: getattr(made, phase) | {"epochs": epochs} for phase in ("pretrain", "finetune")
        }
    return made.model_copy(update=changes)


def _compared(
    place: Path,
    settings: Params,
    question: Question,
    x_NI: Any,
    y_N: Any,
    encoder: LabelEncoder,
) -> Comparison:
    write_params(settings, place)  # first: it marks the folder as one of this function
    storage.write_bytes(place / DATA, npz({"X": x_NI, "y": y_N}))
    seeds = settings.run.seeds
    with ProcessPoolExecutor(1, env=ENVIRONMENT) as process:
        outcomes = process.submit(_trained, place).result()
    decisions = looks.decided(outcomes, question, settings.compare.significance, seeds)
    answer = looks.Answer(outcomes, decisions)
    return Comparison(answer, settings, question, _winner(place, answer, settings, encoder))


def _trained(place: Path) -> list[comparison.Outcome]:
    """Train the arms of a folder's params.yaml, in the process that calls this."""
    with chdir(place):
        settings = params.load()
        prepare(settings, NAME)
        return train(settings, NAME)


def _winner(
    place: Path, answer: looks.Answer, settings: Params, encoder: LabelEncoder
) -> NetworkClassifier:
    """Return the best arm's network of the lowest validation error."""
    key = recommendation.best(answer)
    outcome = next(outcome for outcome in answer.outcomes if outcome.arm.key == key)
    weights = place / outcome.arm.networks / "weights.safetensors"
    network = torch_module.module(population.load(weights, [comparison.best_seed(outcome)]), 0)
    return NetworkClassifier(network, _scaler(place, settings), encoder.classes_)


def _scaler(place: Path, settings: Params) -> StandardScaler | MinMaxScaler:
    """Return the scaling of the training part, which the splits hold applied."""
    options = settings.preprocess_for(NAME, own.Preprocess)
    file = place / DATA
    table = npz_arrays.table(
        file.read_bytes(), file.name, (options.x, options.y), scaled=options.scaling
    )
    train_rows = own.partition(table, file.name, options)[0]
    scalers = {"standardized": StandardScaler(), "range": MinMaxScaler(clip=True)}
    x_NI = table.x[train_rows]
    scaler, constant_I = scalers[options.scaling].fit(x_NI), np.ptp(x_NI, axis=0) == 0
    # In the splits a feature that is constant in training is 0 for every example.
    if options.scaling == "range":
        scaler.scale_[constant_I] = scaler.min_[constant_I] = 0.0
    else:
        scaler.scale_[constant_I] = np.inf
    return scaler


def _frame(rows: list[comparison.Row]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows)
