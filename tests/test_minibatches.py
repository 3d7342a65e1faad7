"""Mini-batches of stored splits and of generated images."""

import dataclasses

import pytest
import torch

from pipeline.config.params import Finetune
from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.runtime.errors import Problem
from pipeline.training import minibatches
from pipeline.training.minibatches import GeneratedMinibatches, ShuffledMinibatches

SCHEDULE = Finetune(learning_rates=[0.1], batch_size=10, epochs=4, patience=2)


def stored(form: Encoding, count: int = 25) -> Examples:
    draws = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, form.inputs), generator=draws, dtype=torch.uint8)
    return Examples(x, torch.arange(count) % form.classes, form)


PICTURES = Encoding((3, 4), ("a", "b", "c"), scale=1 / 255)
CHARACTERS = Encoding((16, 16), ("a", "b", "c"), scale=1 / 255, pipeline="nistp")


def generated(epoch_images: int = 600) -> GeneratedMinibatches:
    return GeneratedMinibatches("test", 10, epoch_images, stored(CHARACTERS))


def together(batches: minibatches.Minibatches, seeds: list[int], epoch: int) -> list[torch.Tensor]:
    """Return the inputs [S, steps * B, I] and labels of an epoch."""
    return [torch.cat(parts, 1) for parts in zip(*batches.epoch(seeds, epoch), strict=True)]


def test_shuffled_batches_are_the_examples_in_a_new_order() -> None:
    """An epoch holds each example at most once, scaled, with its label."""
    examples = stored(PICTURES)
    x_SNI, y_SN = together(ShuffledMinibatches("test", "finetune", 10, examples), [4, 7], 1)
    assert x_SNI.shape == (2, 20, 12)
    rows = {tuple(x.tolist()): int(y) for x, y in zip(examples.x_NI, examples.y_N, strict=True)}
    for s in (0, 1):
        seen = [tuple(x.tolist()) for x in (x_SNI[s] * 255).round().to(torch.uint8)]
        assert len(set(seen)) == 20
        assert [rows[x] for x in seen] == y_SN[s].tolist()


def test_generated_images_depend_on_the_seed_alone() -> None:
    """A seed's images do not depend on the other seeds drawn with it."""
    both, labels = together(generated(), [3, 5], 2)
    alone, its_labels = together(generated(), [5], 2)
    assert torch.equal(both[1:], alone)
    assert torch.equal(labels[1:], its_labels)
    assert not torch.equal(both[0], both[1])


def test_epochs_continue_one_stream_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs of 300 images equal one of 600, for any number drawn at a time."""
    whole = together(generated(600), [1], 1)[0]
    monkeypatch.setattr(minibatches, "DRAWN_STEPS", 7)
    halves = [together(generated(300), [1], epoch)[0] for epoch in (1, 2)]
    assert torch.equal(torch.cat(halves, 1), whole)
    assert len(whole[0].unique(dim=0)) == 600


def test_generated_inputs_are_scaled() -> None:
    """Inputs lie in [0, 1] and have both background and ink."""
    x_SNI, y_SN = together(generated(), [0], 1)
    assert (x_SNI.min(), x_SNI.max()) == (0, 1)
    assert set(y_SN.flatten().tolist()) == {0, 1, 2}


def test_the_schedule_sets_the_number_of_images() -> None:
    """Images are divided over the epochs; `paper` stands for the paper's number."""
    some = SCHEDULE.model_copy(update={"images": 400})
    batches = minibatches.minibatches("test", "finetune", some, stored(CHARACTERS))
    assert batches.steps == 10
    paper = SCHEDULE.model_copy(update={"images": "paper", "epochs": 100})
    assert paper.epoch_images == 819_200
    assert SCHEDULE.epoch_images is None


@pytest.mark.parametrize(
    ("form", "images", "message"),
    [
        (CHARACTERS, None, "datasets.test.pretrain.images is missing"),
        (PICTURES, 100, "datasets.test.pretrain.images is for generated datasets alone"),
        (CHARACTERS, 30, "does not fill one mini-batch of 10"),
    ],
)
def test_wrong_numbers_of_images_are_refused(
    form: Encoding, images: int | None, message: str
) -> None:
    """The number of images is required for generated datasets alone, and fills a mini-batch."""
    schedule = SCHEDULE.model_copy(update={"images": images})
    with pytest.raises(Problem, match=message):
        minibatches.minibatches("test", "pretrain-2", schedule, stored(form))


def test_too_few_examples_for_a_mini_batch_are_refused() -> None:
    """Nine examples do not fill a mini-batch of ten."""
    with pytest.raises(Problem, match="does not fill one mini-batch"):
        minibatches.minibatches("test", "finetune", SCHEDULE, stored(PICTURES, 9))


def test_reference_images_are_fixed_and_apart_from_training() -> None:
    """Reference images are fixed and never trained on; a stored split is its own reference."""
    characters = stored(CHARACTERS)
    once, again = (minibatches.reference("test", characters, 50) for _ in range(2))
    assert torch.equal(once.x_NI, again.x_NI)
    assert once.encoding == dataclasses.replace(CHARACTERS, pipeline="")
    trained = together(generated(), [0], 1)[0][0, :50]
    assert not torch.equal(once.inputs(slice(None)), trained)
    pictures = stored(PICTURES)
    assert minibatches.reference("test", pictures, 50) is pictures
