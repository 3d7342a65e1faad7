"""What a trained network says of new texts: class, probabilities, stars, the terms that mattered.

A term matters by as much as the prediction changes where its bit alone is turned off, all others
left as they are. That is exact at any depth and needs no gradient; effects of several terms do not
add up, since a network is not linear.

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

COUNTED = "_"  # joins the words of terms that come counted already
ROWS = 256  # texts without one of their terms that are scored at once: bounds memory


class Term(NamedTuple):
    """A term of a text, and by how much having it raises the prediction."""

    term: str
    effect: float


@dataclass(frozen=True)
class Prediction:
    """What a network says of one text.

    `probabilities` are those of all classes, in their order. `stars` is the sum of stars times
    probability, None where labels are no stars. `terms` are the known terms that mattered most,
    the largest effects of either sign first; `effect_on` says what is raised or lowered: the
    expected stars, or the log-odds of the predicted class where there are none. `known` and
    `unknown` count the text's different terms that are in the vocabulary and that are not.
    """

    predicted: str
    probabilities: dict[str, float]
    stars: float | None
    effect_on: str
    terms: list[Term]
    known: int
    unknown: int

    def record(self) -> Record:
        """Return it for JSON."""
        return asdict(self) | {"terms": [term._asdict() for term in self.terms]}


@dataclass(frozen=True)
class Scorer:
    """A trained network and what its inputs and classes mean.

    `network` takes inputs [N, I] to class probabilities [N, C], as `export.module` makes it;
    scores are computed in float64. `seed` is the repetition of the arm that it is from.
    """

    network: torch.nn.Sequential
    encoding: Encoding
    seed: int

    def __post_init__(self) -> None:
        """Raise Problem where network and form do not belong together."""
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
        """Of the network's inputs."""
        assert self.encoding.vocabulary is not None
        return self.encoding.vocabulary

    def predict(self, texts: Sequence[str], *, top: int) -> Iterator[Prediction]:
        """Yield what the network says of each text, with at most `top` terms."""
        if self.vocabulary.tokens.joint == COUNTED:
            log.warning(
                "the vocabulary is of counted terms: of texts those words alone count that are "
                "such terms, between spaces, as in processed_acl"
            )
        bits_NI = self.vocabulary.encode(texts)
        split = self.vocabulary.tokens.vectorizer().build_analyzer()
        for n, text in enumerate(texts):
            present_T = bits_NI.indices[bits_NI.indptr[n] : bits_NI.indptr[n + 1]]
            yield self._predict(torch.from_numpy(present_T).long(), {*split(text)}, top)

    @torch.no_grad()
    def _predict(self, present_T: Tensor, found: set[str], top: int) -> Prediction:
        first = self.network[0]
        assert isinstance(first, torch.nn.Linear)
        z_O = first.bias + first.weight[:, present_T].sum(1)
        p_C = self._log_p(z_O[None])[0].exp()
        label, stars_C = int(p_C.argmax()), self.encoding.stars_C
        whole = self._raised(z_O[None], label)
        effects: list[float] = []
        for some in present_T.split(ROWS) if top else ():
            without_TO = z_O - first.weight[:, some].T
            effects += (whole - self._raised(without_TO, label)).tolist()
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
            unknown=len(found.difference(terms)),
        )

    def _log_p(self, z_NO: Tensor) -> Tensor:
        """Return log P(class) [N, C] from what the first layer's weights give."""
        top_NC: Tensor = self.network[1:-1](z_NO)
        return top_NC.log_softmax(1)

    def _raised(self, z_NO: Tensor, label: int) -> Tensor:
        """Return what terms raise or lower [N]: expected stars, or the log-odds of a class."""
        log_p_NC = self._log_p(z_NO)
        stars_C = self.encoding.stars_C
        if stars_C is not None:
            return log_p_NC.exp() @ stars_C
        others_NC = log_p_NC.clone()
        others_NC[:, label] = -torch.inf
        return log_p_NC[:, label] - others_NC.logsumexp(1)


def best(trained: Sequence[Record]) -> Record | None:
    """Return the record of the best seed's chosen network, by validation alone; None where no seed
    has one."""
    return min((line for line in trained if line["chosen"]), key=rank, default=None)


def from_disk(arm: Arm, seed: int | None = None) -> Scorer:
    """Return the chosen network of a seed of an arm of texts, the best seed's where none is given.

    Raises Problem where the arm is not trained on texts, or has no network of this seed.
    """
    form_file, weights = arm.ready / "train.npz", arm.networks / "weights.safetensors"
    if not (form_file.exists() and weights.exists()):
        raise Problem(
            f"{arm.name} is not trained yet: put its names into run of params.yaml and run "
            "`dvc repro`"
        )
    trained = storage.read_lines(arm.networks / "records.jsonl")
    seed = _seed(arm, trained, seed)
    form = examples.read_encoding(form_file, seed)
    if form.vocabulary is None:
        raise storage.unreadable(form_file, ValueError("it holds no texts"))
    return Scorer(torch_module.module(population.load(weights, [seed]), 0), form, seed)


def _seed(arm: Arm, trained: Sequence[Record], wish: int | None) -> int:
    found = best(trained)
    if found is None:
        raise Problem(f"{arm.name}: every network diverged: lower its learning rates")
    if wish is None:
        return int(found["seed"])
    seeds = sorted({line["seed"] for line in trained})
    if wish not in seeds:
        raise Problem(f"{arm.name} has no seed {wish}: use one from {seeds[0]} to {seeds[-1]}")
    if not any(line["chosen"] for line in trained if line["seed"] == wish):
        raise Problem(f"{arm.name}: every network of seed {wish} diverged: use another seed")
    return wish
