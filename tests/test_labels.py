"""Label fractions: nested, stratified, and the whole split at 100%."""

import itertools

import pytest
import torch

from pipeline.data.splits.encoding import Encoding
from pipeline.data.splits.examples import Examples
from pipeline.data.splits.per_seed import labeled
from pipeline.runtime.errors import Problem
from pipeline.training.minibatches import ShuffledMinibatches

Y_N = torch.arange(400) % 4 % 3  # twice as many of class 0
SHARES = (0.01, 0.1, 0.5, 1.0)


def test_shares_are_nested_and_keep_the_classes() -> None:
    """A smaller share lies within a larger one, and each class keeps its own share."""
    rows = [labeled("test", 3, Y_N, share) for share in SHARES]
    for few, more in itertools.pairwise(rows):
        assert set(few.tolist()) < set(more.tolist())
    for share, kept in zip(SHARES, rows, strict=True):
        assert Y_N[kept].bincount().tolist() == [round(share * n) for n in (200, 100, 100)]
        assert kept.tolist() == sorted(kept.tolist())
    assert rows[-1].tolist() == [*range(400)]


def test_each_seed_has_its_own() -> None:
    """Another seed draws other labels, the same seed the same ones."""
    first, again, other = (labeled("test", seed, Y_N, 0.1) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_class_left_empty_is_refused() -> None:
    """A share that leaves a class without labels is refused by name."""
    with pytest.raises(Problem, match=r"0.3% of the labels of test leave class 1 of 100 training"):
        labeled("test", 0, Y_N, 0.003)


@pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
def test_an_epoch_has_as_many_steps_at_any_share(share: float) -> None:
    """The labeled examples repeat until the epoch is full, all equally often."""
    examples = Examples(torch.arange(400).view(-1, 1).float(), Y_N, Encoding((1,), ("a", "b", "c")))
    batches = ShuffledMinibatches("test", "finetune", 10, examples, share)
    x_N = torch.cat([x_SBI[0] for x_SBI, _ in batches.epoch([0], 1)]).flatten()
    used = labeled("test", 0, Y_N, share)
    assert len(x_N) == 400
    assert set(x_N.tolist()) == set(used.tolist())
    assert {*x_N.long().bincount()[used].tolist()} <= {400 // len(used), -(-400 // len(used))}


def test_all_labels_are_the_arms_own_order() -> None:
    """A share of 1 changes nothing: the same examples in the same order."""
    examples = Examples(torch.arange(400).view(-1, 1).float(), Y_N, Encoding((1,), ("a", "b", "c")))
    all_labels, plain = (
        ShuffledMinibatches("test", "finetune", 10, examples, *share).rows_SN([(0, 2), (5, 2)])
        for share in ([1.0], [])
    )
    assert torch.equal(all_labels, plain)
