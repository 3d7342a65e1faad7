"""What may be chosen when reviews become bits: the options that all datasets of texts have."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.config.params import Count, Section, Share


class Text(Section):
    """How reviews become splits.

    `terms` is the number of inputs: the terms that most training reviews have, each of `ngrams`
    (fewest, most) words. `valid` and `test` are shares of the labeled reviews, of each class
    alike, for all seeds. With `folds` each seed holds out one fold in place of `test`, and `valid`
    is a share of the others; with `labels` too all but so many of those lose their labels.
    `repeats` is for how many seeds there are splits: as many as folds where it is not said.
    """

    terms: Count = 5000
    ngrams: Annotated[tuple[Count, Count], Field(strict=False)] = (1, 1)
    valid: Share = 0.1
    test: Share = 0.1
    folds: Annotated[int, Field(ge=2)] | None = None
    repeats: Count | None = None
    labels: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.folds is None and self.valid + self.test >= 1:
            raise ValueError("valid and test leave nothing to train on: lower them")
        if self.folds is None and (self.labels or self.repeats):
            raise ValueError("labels and repeats go with folds: say how many")
        if self.ngrams[0] > self.ngrams[1]:
            raise ValueError("ngrams are (fewest, most) words: the first is larger than the second")
        return self
