"""Examples with the same inputs as another one, between splits or in two classes."""

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from numpy.typing import NDArray

from pipeline.runtime.storage import Record


def duplicates(inputs: Sequence[Sequence[Hashable]], labels: Sequence[Sequence[int]]) -> Record:
    """Return how many examples have the same inputs as another one; nothing where none has.

    Both arguments are three sequences, for the training, validation and test split, with one
    element per example.
    `valid_in_train` counts validation examples that are also in training, `test_in_train` test
    examples that are also in training or validation: networks have seen them. `in_two_classes`
    counts the examples of all splits whose inputs also occur with another label.

    >>> duplicates([["a", "b"], ["c"], ["a"]], [[0, 1], [0], [1]])
    {'valid_in_train': 0, 'test_in_train': 1, 'in_two_classes': 2}
    """
    labels_of: dict[Hashable, set[int]] = {}
    for of_part, labels_of_part in zip(inputs, labels, strict=True):
        for example, label in zip(of_part, labels_of_part, strict=True):
            labels_of.setdefault(example, set()).add(label)
    train, valid, test = inputs
    seen, selected = set(train), {*train, *valid}
    counts = {
        "valid_in_train": sum(example in seen for example in valid),
        "test_in_train": sum(example in selected for example in test),
        "in_two_classes": sum(len(labels_of[each]) > 1 for of_part in inputs for each in of_part),
    }
    return counts if any(counts.values()) else {}


def hashes(x_NI: Iterable[NDArray[Any]]) -> list[bytes]:
    """Return a hash of each row."""
    return [hashlib.blake2b(x_I.tobytes(), digest_size=16).digest() for x_I in x_NI]
