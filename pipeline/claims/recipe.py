"""Claim about today's training recipe: the gap between rectifier and tanh networks."""

from collections.abc import Sequence

from pipeline.claims.claim import TEST_ERROR, Claim, equivalent_to
from pipeline.claims.groups import Parts, Records, Row, where


def parts(rows: Sequence[Row]) -> Parts:
    """Return the networks of both recipes, by activation."""
    return {
        f"{activation} networks {words}": where(rows, activation=activation, recipe=recipe)
        for activation in ("rectifier", "tanh")
        for recipe, words in (("2011", "by the recipe of 2011"), ("today", "by today's recipe"))
    }


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "recipe-closes-the-gap", "28",
        "With today's recipe (He start, Adam, batch normalization, dropout), rectifier and tanh "
        "networks differ in test error by no more than the margin.",
        "critics: modern baselines", "M", TEST_ERROR,
        ("rectifier networks by today's recipe",), ("tanh networks by today's recipe",),
        equivalent_to("tanh networks by today's recipe"),
        Records("recipe", parts, words=("recipe",)),
    ),
)  # fmt: skip
