"""Predictions on new texts: effects by brute force, vocabularies of seeds, MLflow and disk."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from pipeline.config.params import Activation
from pipeline.data.splits import examples
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Split
from pipeline.data.splits.vocabulary import Tokenizer, Vocabulary
from pipeline.evaluation import prediction, torch_module
from pipeline.evaluation.prediction import Scorer
from pipeline.networks import population
from pipeline.report.text import terminal
from pipeline.runtime import storage
from pipeline.runtime.errors import Problem
from pipeline.tracking import arms, models, runs
from stages.tracking import tracking_uri
from tests import finished
from tests.mlflow_runs import run_of


def scorer(function: str = "rectifier", *, hidden=(7, 5), stars=True, **vocabulary) -> Scorer:
    """Return a random network of ten words, a to j twice each, and three classes."""
    terms = tuple(letter * 2 for letter in "abcdefghij")
    unit = Activation(
        function=function, l1=0, half_negated=function == "rectifier", reconstruction="linear"
    )
    networks = population.initialize("mine", [10, *hidden, 3], [4], unit)
    vocabulary = {"terms": terms, "stars": stars} | vocabulary
    form = Encoding((10,), ("1", "2.5", "5"), vocabulary=Vocabulary(**vocabulary))
    return Scorer(torch_module.module(networks, 0), form, 4)


@pytest.mark.parametrize("stars", [True, False])
@pytest.mark.parametrize(
    ("function", "hidden"), [("rectifier", (7, 5)), ("tanh", (6,)), ("tanh", ())]
)
def test_effects_are_those_of_a_network_without_the_bit(function, hidden, stars, monkeypatch):
    """Brute force: dense inputs, with each term of the text turned off, through the module."""
    monkeypatch.setattr(prediction, "ROWS", 2)  # several batches
    made = scorer(function, hidden=hidden, stars=stars)
    text = "AA cc, dd! aa jj zz yy zz"
    (said,) = made.predict([text], top=10)
    present = [0, 2, 3, 9]
    x_NI = torch.zeros(5, 10, dtype=torch.float64)
    x_NI[:, present] = 1
    x_NI[range(1, 5), present] = 0
    p_NC = made.network(x_NI).detach()
    label = int(p_NC[0].argmax())
    values_N = (p_NC[:, label] / (1 - p_NC[:, label])).log()
    if stars:
        values_N = p_NC @ torch.tensor([1, 2.5, 5], dtype=torch.float64)
        assert said.stars == pytest.approx(float(values_N[0]), rel=1e-12)
    wanted = {
        made.vocabulary.terms[i]: float(values_N[0] - value)
        for i, value in zip(present, values_N[1:], strict=True)
    }
    assert dict(said.terms) == pytest.approx(wanted, rel=1e-9)
    assert [term for term, _ in said.terms] == sorted(wanted, key=lambda t: -abs(wanted[t]))
    assert [*said.probabilities.values()] == pytest.approx(p_NC[0].tolist(), rel=1e-12)
    assert said.predicted == ("1", "2.5", "5")[label]
    assert (said.known, said.unknown) == (4, 2)
    assert said.effect_on == ("expected stars" if stars else f"log-odds of {said.predicted}")


def test_a_text_without_known_terms_gets_what_no_words_get():
    """The prediction is that of an input of zeros, and it is said so."""
    made = scorer()
    (said,) = made.predict(["zz yy"], top=3)
    zeros = made.network(torch.zeros(1, 10, dtype=torch.float64))[0].detach()
    assert [*said.probabilities.values()] == pytest.approx(zeros.tolist(), rel=1e-12)
    assert (said.known, said.unknown, said.terms) == (0, 2, [])
    assert "no term is in the vocabulary" in terminal.prediction_as_text("zz yy", said, 4)


def test_top_is_the_number_of_terms():
    """The largest effects remain; 0 leaves none, and the counts stay."""
    made = scorer()
    texts = ["aa bb cc dd"] * 2
    for top in (0, 2):
        for whole, short in zip(
            made.predict(texts, top=9), made.predict(texts, top=top), strict=True
        ):
            assert short.terms == whole.terms[:top]
            assert short.known == len(whole.terms) == 4


def test_pairs_of_words_are_terms():
    """A vocabulary of pairs counts pairs, known and not."""
    terms = ("aa bb", "bb cc", *(f"x{n}" for n in range(8)))
    made = scorer(terms=terms, tokens=Tokenizer((2, 2)))
    (said,) = made.predict(["aa bb cc dd"], top=5)
    assert {term for term, _ in said.terms} == {"aa bb", "bb cc"}
    assert (said.known, said.unknown) == (2, 1)


def test_published_term_counts_are_announced(caplog):
    """Texts for a vocabulary of published term counts must consist of its terms."""
    terms = ("aa_bb", *(f"x{n}" for n in range(9)))
    made = scorer(terms=terms, tokens=Tokenizer((1, 2), "_"))
    (said,) = made.predict(["aa_bb x3, x4"], top=5)
    assert {term for term, _ in said.terms} == {"aa_bb", "x4"}
    assert "term counts" in caplog.text


def test_network_and_vocabulary_belong_together():
    """A vocabulary of another size is refused, with what to do."""
    form = Encoding((3,), ("no", "yes"), vocabulary=Vocabulary(("aa", "bb", "cc")))
    with pytest.raises(Problem, match="10 inputs, but the vocabulary has 3 terms: run"):
        Scorer(scorer().network, form, 0)


def own_split(terms: tuple[str, ...], *others: Split) -> Split:
    form = Encoding((2,), ("no", "yes"), vocabulary=Vocabulary(terms))
    return Split(csr_matrix(np.eye(2, dtype=np.uint8)), np.arange(2), form, others=others)


def test_each_seed_has_the_vocabulary_of_its_split(tmp_path, monkeypatch):
    """With a fold for each seed, vocabularies differ by seed, from disk and from MLflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    arm, params = finished.RANDOM, finished.settings(seeds=2)
    finished.write(arm, params)
    lines = storage.read_lines(arm.networks / "records.jsonl")
    for line in lines:
        line["valid_error"] = 0.1 if line["seed"] == 1 else 0.2
    storage.write_lines(arm.networks / "records.jsonl", lines)
    unit = params.activation(arm.activation)
    networks = population.initialize("mine", [2, 3, 2], range(2), unit)
    population.save(networks, arm.networks / "weights.safetensors")
    for part in ("train", "valid"):
        own = own_split(("aa", "bb"), own_split(("cc", "aa")))
        examples.write(own, arm.ready / f"{part}.npz")
    assert prediction.from_disk(arm, 0).vocabulary.terms == ("aa", "bb")
    best = prediction.from_disk(arm)
    assert (best.seed, best.vocabulary.terms) == (1, ("cc", "aa"))
    monkeypatch.setattr("pipeline.tracking.artifacts.figures", lambda *_, **__: {})
    uri = tracking_uri()
    runs.publish(arms.read(arm, params), uri=uri)
    again = models.from_run(arm, run_of(arm), uri=uri)
    assert (again.seed, again.encoding) == (1, dataclasses.replace(best.encoding, repeats=1))
    assert [*again.predict(["aa"], top=1)] == [*best.predict(["aa"], top=1)]
