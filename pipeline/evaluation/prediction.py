"""Prediction on new texts: class, probabilities, expected stars, and the effect of each term.

The effect of a term is the change of the prediction when its bit alone is turned off (occlusion).
It is exact at any depth and needs no gradient; effects of several terms do not add up, since a
network is not linear.

Legend of shape suffixes: N rows, C classes, O outputs of the first layer, T terms of a text.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.analysis.comparison import rank
from pipeline.config.arms import Arm
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.vocabulary import Vocabulary
from pipeline.evaluation import torch_module
from pipeline.networks import population
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record

log = logging.getLogger(__name__)

COUNTED = "_"  # joins the words of terms of datasets that publish term counts
ROWS = 256  # occluded copies of a text that are scored at once: bounds memory


class Term(NamedTuple):
    """A term of a text, and by how much its presence raises the prediction."""

    term: str
    effect: float


@dataclass(frozen=True)
class Prediction:
    """Prediction of a network for one text.

    `probabilities` holds all classes in their order. `stars` is the sum of stars times probability,
    or None where labels are no stars. `terms` are those of the largest absolute effects, largest
    first; `effect_on` names the quantity that they raise or lower: the expected stars, or the
    log-odds of the predicted class. `known` and `unknown` count the text's distinct terms inside
    and outside the vocabulary.
    """

    predicted: str
    probabilities: dict[str, float]
    stars: float | None
    effect_on: str
    terms: list[Term]
    known: int
    unknown: int

    def record(self) -> Record:
        """Return the prediction as a dictionary for JSON."""
        return asdict(self) | {"terms": [term._asdict() for term in self.terms]}


@dataclass(frozen=True)
class Scorer:
    """A trained network with the vocabulary of its inputs and the names of its classes.

    `network`, as `torch_module.module` returns it, maps inputs [N, I] to class probabilities
    [N, C]; it is converted to float64. `seed` is the seed of the arm that the network belongs to.
    """

    network: torch.nn.Sequential
    encoding: Encoding
    seed: int

    def __post_init__(self) -> None:
        """Raise Problem where the network has another number of inputs than the vocabulary."""
        first = self.network[0]
        assert isinstance(first, torch.nn.Linear)
        if first.in_features != self.encoding.inputs:
            raise Problem(
                f"the network has {first.in_features} inputs, but the vocabulary has "
                f"{self.encoding.inputs} terms: run `dvc repro` to train it again"
            )
        self.network.double()

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the network's inputs."""
        assert self.encoding.vocabulary is not None
        return self.encoding.vocabulary

    def predict(self, texts: Sequence[str], *, top: int) -> Iterator[Prediction]:
        """Yield the prediction for each text, with at most `top` terms."""
        if self.vocabulary.tokens.joint == COUNTED:
            log.warning(
                "the dataset was published as term counts: only words that are terms of "
                "processed_acl, separated by spaces, are used"
            )
        bits_NI = self.vocabulary.encode(texts)
        split = self.vocabulary.tokens.vectorizer().build_analyzer()
        for n, text in enumerate(texts):
            present_T = bits_NI.indices[bits_NI.indptr[n] : bits_NI.indptr[n + 1]]
            yield self._predict(torch.from_numpy(present_T).long(), {*split(text)}, top)

    @torch.no_grad()
    def _predict(self, present_T: Tensor, words: set[str], top: int) -> Prediction:
        first = self.network[0]
        assert isinstance(first, torch.nn.Linear)
        z_O = first.bias + first.weight[:, present_T].sum(1)
        p_C = self._log_p(z_O[None])[0].exp()
        label, stars_C = int(p_C.argmax()), self.encoding.stars_C
        whole = self._score(z_O[None], label)
        effects: list[float] = []
        for some in present_T.split(ROWS) if top else ():
            without_TO = z_O - first.weight[:, some].T
            effects += (whole - self._score(without_TO, label)).tolist()
        names = self.encoding.class_names
        terms = [self.vocabulary.terms[place] for place in present_T.tolist()]
        pairs = map(Term, terms, effects)
        return Prediction(
            predicted=names[label],
            probabilities=dict(zip(names, p_C.tolist(), strict=True)),
            stars=None if stars_C is None else float(p_C @ stars_C),
            effect_on=f"log-odds of {names[label]}" if stars_C is None else "expected stars",
            terms=sorted(pairs, key=lambda pair: (-abs(pair.effect), pair.term))[:top],
            known=len(terms),
            unknown=len(words.difference(terms)),
        )

    def _log_p(self, z_NO: Tensor) -> Tensor:
        """Return log P(class) [N, C] from the first layer's pre-activations [N, O]."""
        top_NC: Tensor = self.network[1:-1](z_NO)
        return top_NC.log_softmax(1)

    def _score(self, z_NO: Tensor, label: int) -> Tensor:
        """Return the quantity [N] that effects are on: expected stars, or a class's log-odds."""
        log_p_NC = self._log_p(z_NO)
        stars_C = self.encoding.stars_C
        if stars_C is not None:
            return log_p_NC.exp() @ stars_C
        others_NC = log_p_NC.clone()
        others_NC[:, label] = -torch.inf
        return log_p_NC[:, label] - others_NC.logsumexp(1)


def best(trained: Sequence[Record]) -> Record | None:
    """Return the record of the chosen network with the lowest validation error, then cost.

    Where labels are stars, the error is the RMSE. None where no seed has a chosen network.
    """
    return min((line for line in trained if line["chosen"]), key=rank, default=None)


def from_disk(arm: Arm, seed: int | None = None) -> Scorer:
    """Return the chosen network of a seed of an arm of texts; by default the best seed's.

    Raises Problem where the arm is not trained on texts, or has no network of this seed.
    """
    form_file, weights = arm.ready / "train.npz", arm.networks / "weights.safetensors"
    if not (form_file.exists() and weights.exists()):
        raise Problem(
            f"{arm.name} is not trained yet: put its names into run of params.yaml and run "
            "`dvc repro`"
        )
    trained = storage.read_lines(arm.networks / "records.jsonl")
    seed = _checked_seed(arm, trained, seed)
    encoding = examples.read_encoding(form_file, seed)
    if encoding.vocabulary is None:
        raise storage.unreadable(form_file, ValueError("its inputs are not texts"))
    return Scorer(torch_module.module(population.load(weights, [seed]), 0), encoding, seed)


def _checked_seed(arm: Arm, trained: Sequence[Record], seed: int | None) -> int:
    """Return the seed, by default the best one. Raises Problem where it has no chosen network."""
    best_line = best(trained)
    if best_line is None:
        raise Problem(f"{arm.name}: every network diverged: lower its learning rates")
    if seed is None:
        return int(best_line["seed"])
    seeds = sorted({line["seed"] for line in trained})
    if seed not in seeds:
        raise Problem(f"{arm.name} has no seed {seed}: use one from {seeds[0]} to {seeds[-1]}")
    if not any(line["chosen"] for line in trained if line["seed"] == seed):
        raise Problem(f"{arm.name}: every network of seed {seed} diverged: use another seed")
    return seed
