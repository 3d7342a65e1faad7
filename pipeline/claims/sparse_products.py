"""Claims about time: the cost of an activation function, and the savings of skipping zeros.

These claims compare medians measured on one machine by `python -m stages.cost`, without a
statistical test.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.claims.claim import Claim, Quantity, Rule
from pipeline.claims.groups import Parts, Records, Row

CPU, CUDA = "cost on cpu", "cost on cuda"  # records of results/cost.json
DENSE = "dense"
MANY = 0.85  # the share measured that is next to the most zeros that the paper reports, 83.4%
NEARLY_ALL = 0.90


def parts(times: Mapping[str, Any]) -> Parts:
    """Return one row a comparison, numbered as its seed, from one device's block of cost.json.

    Its quantities are quotients of median times.
    """
    products, units = times["products"], times["units"]
    at_many = _gains(products, lambda zeros: zeros == MANY)
    others = [row["ms"] for name, row in units.items() if name != "rectifier"]
    return {
        "the other units": _rows("unit_time", [units["rectifier"]["ms"] / ms for ms in others]),
        "dense products at 85% zeros": _rows("sparse_time", [1 / gain for gain in at_many]),
        "products that skip 50 to 85% zeros": _rows(
            "dense_time", _gains(products, lambda zeros: zeros < NEARLY_ALL)
        ),
        "products that skip 50 to 99% zeros": _rows(
            "dense_time", _gains(products, lambda zeros: True)
        ),
    }


def _rows(column: str, values: Sequence[float]) -> list[Row]:
    return [{"seed": place, column: value} for place, value in enumerate(values)]


def _gains(products: Sequence[Row], counts: Callable[[float], bool]) -> list[float]:
    """Return the speed of the fastest product that skips zeros, in that of the dense product.

    One value for each direction and share of zeros that `counts`.
    """
    best: dict[tuple[str, float], float] = {}
    for row in products:
        place = row["direction"], row["zeros"]
        if counts(row["zeros"]) and not row["contender"].startswith(DENSE):
            best[place] = max(best.get(place, 0.0), row["times_the_speed"])
    return list(best.values())


ON_CPU = Records(
    CPU, parts, absent="Times were not measured on a CPU: `DEVICE=cpu make cost` does it."
)
ON_CUDA = Records(
    CUDA, parts, absent="Times were not measured on a GPU: `DEVICE=cuda make cost` does it."
)
NO_MORE_TIME = Rule("never above", 1.0)
DENSE_TIME = Quantity("dense_time", "time of the dense product, in that of the fastest of")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "rectifier-is-cheapest", "16a",
        "A rectifier is cheaper than units that need exponentials: on a CPU it takes no longer "
        "than tanh, softplus or the sigmoid.",
        "Section 3.1", "M",
        Quantity("unit_time", "time of the rectifier's function, in that of"),
        ("the other units",), (), NO_MORE_TIME, ON_CPU,
    ),
    Claim(
        "zeros-save-computation", "16b",
        "Sparsity can be exploited: with 85% zeros, about what the paper reports at most, skipping "
        "them on a CPU takes no longer than dense products, forward, backward and in the update.",
        "Section 3.1", "M",
        Quantity("sparse_time", "time of the fastest product that skips zeros, in that of"),
        ("dense products at 85% zeros",), (), NO_MORE_TIME, ON_CPU,
    ),
    Claim(
        "few-zeros-save-nothing", "32a",
        "On a CPU, skipping zeros saves time only above about 90% zeros: below, dense products "
        "take no longer than products that skip zeros.",
        "critics: Shi and Chu, 2017", "C", DENSE_TIME,
        ("products that skip 50 to 85% zeros",), (), NO_MORE_TIME, ON_CPU,
    ),
    Claim(
        "zeros-save-nothing-on-gpu", "32b",
        "On a GPU, skipping zeros saves no time: dense products take no longer than products that "
        "skip zeros.",
        "critics: unstructured zeros on GPUs", "M", DENSE_TIME,
        ("products that skip 50 to 99% zeros",), (), NO_MORE_TIME, ON_CUDA,
    ),
)  # fmt: skip
