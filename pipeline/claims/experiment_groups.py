"""The groups that claims name, from the tables of the experiments."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.claims.groups import Row, by_seed

Parts = Mapping[str, Sequence[Row]]

FEW = 0.1  # the largest share of labels that counts as few
HARMLESS, HARMFUL = 0.70, 0.85  # between these shares of zeros the paper's errors stay the same
BEST = 0.1  # the share of networks that count as the best
LATER = ("leaky", "prelu", "elu", "gelu", "silu")  # the units since 2011 that are not maxout


def _where(rows: Sequence[Row], **levels: Any) -> list[Row]:
    return [row for row in rows if all(row[factor] == level for factor, level in levels.items())]


def sparsity(rows: Sequence[Row]) -> Parts:
    """Return all networks, those of the paper's range of zeros, those below, and the best."""
    known = [row for row in rows if row["zeros"] is not None]
    best = sorted(known, key=lambda row: row["valid_error"])[: math.ceil(BEST * len(known))]
    return {
        "all networks": rows,
        "networks with 70 to 85% zeros": [
            row for row in known if HARMLESS <= row["zeros"] <= HARMFUL
        ],
        "networks with fewer zeros": [row for row in known if row["zeros"] < HARMLESS],
        "the tenth of the networks with the lowest validation error": best,
    }


def hardness(rows: Sequence[Row]) -> Parts:
    """Return one row a seed with the trend of its errors over alpha."""
    ordered = sorted(rows, key=lambda row: float(row["alpha"]))
    levels = list(dict.fromkeys(float(row["alpha"]) for row in ordered))

    def trend(mine: Sequence[Row]) -> float:
        alphas = [levels.index(float(row["alpha"])) for row in mine]
        return rank_correlation(alphas, [row["test_error"] for row in mine])

    return {"softplus networks up to the rectifier": _derived(ordered, "trend", trend)}


def labels(rows: Sequence[Row]) -> Parts:
    """Return each start at few labels, and at any share."""
    few = [row for row in rows if row["share"] <= FEW]
    spoken = {"random": "random", "pretrained": "pre-trained"}
    found: dict[str, Sequence[Row]] = {}
    for initialization, word in spoken.items():
        mine = {"initialization": initialization}
        found[f"{word} rectifier with few labels"] = _where(few, activation="rectifier", **mine)
        found[f"{word} tanh at any share of labels"] = _where(rows, activation="tanh", **mine)
    return found


def reconstruction(rows: Sequence[Row]) -> Parts:
    """Return two reconstructions, and for each the others together."""
    return {
        f"{kind} reconstruction": part
        for kind in ("softplus", "rectifier")
        for part in [_where(rows, reconstruction=kind)]
    } | {
        f"the reconstructions other than {kind}": [
            row for row in rows if row["reconstruction"] != kind
        ]
        for kind in ("softplus", "rectifier")
    }


def ablation(rows: Sequence[Row]) -> Parts:
    """Return the networks with and without the penalty, and with and without signs."""
    rectifier = {"activation": "rectifier"}
    found: dict[str, Sequence[Row]] = {
        "tanh with the penalty": _where(rows, activation="tanh", penalty="L1")
    }
    for initialization, word in (("random", "random"), ("pretrained", "pre-trained")):
        mine = rectifier | {"initialization": initialization}
        negated, positive = "half negated", "all positive"
        found[f"{word} rectifier with the penalty"] = _where(
            rows, **mine, signs=negated, penalty="L1"
        )
        found[f"{word} rectifier without it"] = _where(rows, **mine, signs=negated, penalty="none")
        found[f"{word} rectifier, half negated"] = _where(rows, **mine, signs=negated, penalty="L1")
        found[f"{word} rectifier, all positive"] = _where(
            rows, **mine, signs=positive, penalty="L1"
        )
    return found


def depth(rows: Sequence[Row]) -> Parts:
    """Return the deepest networks with the fall of their gradients, and the shallowest."""
    deepest = max(row["depth"] for row in rows)
    shallow = min(row["depth"] for row in rows)

    def with_fall(row: Row) -> Row:
        lowest, highest = row["gradient_norms"][0], row["gradient_norms"][-2]
        fall = math.log10(lowest / highest) if lowest > 0 and highest > 0 else -math.inf
        return {**row, "gradient_fall": max(fall, -10.0)}

    deep = [with_fall(row) for row in rows if row["depth"] == deepest]
    found: dict[str, Sequence[Row]] = {
        f"{activation} networks of most layers": _where(deep, activation=activation)
        for activation in ("rectifier", "tanh", "sigmoid")
    }
    return found | {
        "rectifier networks of one layer": _where(rows, activation="rectifier", depth=shallow)
    }


def width(rows: Sequence[Row]) -> Parts:
    """Return the narrowest networks, and tanh beside twice as many rectifiers."""
    tanh = _where(rows, activation="tanh")
    rectifier = _where(rows, activation="rectifier")
    multiples = {row["multiple"] for row in tanh}
    least = min(multiples)
    return {
        "the narrowest tanh networks": _where(tanh, multiple=least),
        "rectifier networks as narrow": _where(rectifier, multiple=least),
        "tanh networks of any width": tanh,
        "rectifier networks twice as wide": [
            row for row in rectifier if row["multiple"] / 2 in multiples
        ],
    }


def rates(rows: Sequence[Row]) -> Parts:
    """Return the networks of the rate that validation finds best, of each seed."""
    return {
        f"{activation} networks at their best rate": [
            _best([row for row in mine if row["test_error"] is not None] or mine)
            for mine in by_seed(_where(rows, activation=activation))
        ]
        for activation in ("rectifier", "tanh")
    }


def _best(rows: Sequence[Row]) -> Row:
    return min(rows, key=lambda row: (row["valid_error"] or 0.0, row["rate"]))


def units(rows: Sequence[Row]) -> Parts:
    """Return the rectifier and the units since."""
    of = {row["activation"] for row in rows}
    maxout = [name for name in of if name.startswith("maxout")]
    return {
        "rectifier networks": _where(rows, activation="rectifier"),
        "leaky rectifier networks": _where(rows, activation="leaky"),
        "leaky, PReLU, ELU, GELU and SiLU networks": [
            row for row in rows if row["activation"] in LATER
        ],
        "maxout networks": [row for row in rows if row["activation"] in maxout],
    }


def recipe(rows: Sequence[Row]) -> Parts:
    """Return the networks of both recipes."""
    return {
        f"{activation} networks {words}": _where(rows, activation=activation, recipe=recipe)
        for activation in ("rectifier", "tanh")
        for recipe, words in (("2011", "by the recipe of 2011"), ("today", "by today's recipe"))
    }


def dying(rows: Sequence[Row]) -> Parts:
    """Return the networks of the highest, the lowest and of any rate."""
    rates = [row["level"] for row in rows if row["varied"] == "rate"]
    return {
        f"rectifier networks at the {word} rate": _where(rows, varied="rate", level=level)
        for word, level in (("highest", max(rates)), ("lowest", min(rates)))
    } | {"rectifier networks at any rate": _where(rows, varied="rate")}


def conditioning(rows: Sequence[Row]) -> Parts:
    """Return the networks of plain and of rescaled starts."""
    return {
        "rectifier networks from rescaled starts": [row for row in rows if row["alpha"] != 1],
        "rectifier networks from the plain start": _where(rows, alpha=1.0),
    }


def _derived(
    rows: Sequence[Row], quantity: str, of: Callable[[Sequence[Row]], float]
) -> Sequence[Row]:
    """Return one row a seed with a quantity that follows from all rows of the seed."""
    found = []
    for mine in by_seed(rows):
        lost = any(row["test_error"] is None for row in mine)
        value = None if lost else of(mine)
        found.append(
            {"seed": mine[0]["seed"], "test_error": None if lost else 0.0, quantity: value}
        )
    return found


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's rank correlation, 0 where one of the two is constant."""
    from scipy import stats

    if len(set(first)) == 1 or len(set(second)) == 1:
        return 0.0
    return float(stats.spearmanr(first, second).statistic)
