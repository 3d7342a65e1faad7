"""What stands under the figures that compare kinds, one row a kind."""

from pipeline.paper import published
from pipeline.report.figures.conditions import Point, Table
from pipeline.report.figures.experiment_captions import extremes, failures, gap, reading
from pipeline.report.figures.experiment_rows import RECIPES
from pipeline.report.text.names import label
from pipeline.report.text.summary import percent


def arms(table: Table) -> str:
    """Return the caption of error by arm."""
    text = (
        f"{reading(table, dots=True)} Full: pre-trained; hollow: random. {extremes(_arms(table))}"
    )
    known = [arm for arm in _pairs(table) if published.test_error(table.dataset, *arm) is not None]
    return text + (" Diamond: the paper's number." if known else "")


def arm_zeros(table: Table) -> str:
    """Return the caption of zeros and dead units by arm."""
    dead = _arms(table, "dead_units")
    zeros = {
        name: point for name, point in _arms(table, "zeros").items() if (point.mean or 0) > 1e-4
    }
    text = f"{reading(table, dots=True)} Left: hidden outputs that are exactly 0 on the test "
    text += "examples; right: hidden units that are 0 for every training example. "
    return f"{text}Zeros: {extremes(zeros)} Dead units: {extremes(dead)}"


def _pairs(table: Table) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["activation"], row["initialization"]) for row in table.rows))


def _arms(table: Table, quantity: str = "test_error") -> dict[str, Point]:
    return {
        label(activation, initialization): table.where(
            activation=activation, initialization=initialization
        ).point(quantity)
        for activation, initialization in _pairs(table)
    }


def reconstruction(table: Table) -> str:
    """Return the caption of error by reconstruction."""
    return (
        f"{reading(table, dots=True)} Rectifier networks, pre-trained four ways. "
        f"{extremes(table.points('reconstruction'))} The paper finds softplus best on images."
        f"{failures(table, 'reconstruction')}"
    )


def ablation(table: Table) -> str:
    """Return the caption of error with and without signs and penalty."""
    rectifier = table.where(activation="rectifier", penalty="L1")
    parts = [f"{reading(table, dots=True)} Full: pre-trained; hollow: random."]
    for initialization, word in (("random", "Without"), ("pretrained", "With")):
        mine = rectifier.where(initialization=initialization)
        negated, positive = (mine.where(signs=s) for s in ("half negated", "all positive"))
        difference = negated.difference(positive)
        if difference.mean is not None:
            parts.append(
                f"{word} pre-training, negating half of the rectifiers' outputs changes the error "
                f"by {gap(difference)}."
            )
    parts.append(
        "Without pre-training a network with signs is one with other random starting weights of "
        "the same law: a difference there is chance."
    )
    return " ".join(parts)


def units(table: Table) -> str:
    """Return the caption of error and zeros by unit."""
    errors, zeros = table.points("activation"), table.points("activation", "zeros")
    sparse = [name for name, point in zeros.items() if (point.mean or 0.0) > 0.01]
    made = ", ".join(f"{name} {percent(zeros[name].mean, 0)}%" for name in sparse)
    return (
        f"{reading(table, dots=True)} Best at the top. {extremes(errors)} "
        f"More than 1% zeros: {made or 'none'}. If zeros were what helps, the units on top would be"
        f" those with bars far right in the other panel.{failures(table, 'activation')}"
    )


def recipe(table: Table) -> str:
    """Return the caption of error by recipe."""
    parts = []
    for recipe in table.levels("recipe"):
        mine = table.where(recipe=recipe)
        rectifier, tanh = (mine.where(activation=name) for name in ("rectifier", "tanh"))
        parts.append(f"{RECIPES.get(recipe, recipe)} {gap(rectifier.difference(tanh))}")
    return (
        f"{reading(table, dots=True)} Each recipe adds to the one above it. Look whether the two "
        f"units come together: error of rectifier less that of tanh: {'; '.join(parts)}."
    )
