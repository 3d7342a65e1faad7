"""Formatting of numbers, names of arms and plurals in sentences and tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analysis import criterion, sequential
from pipeline.analysis.results import Row, arm_key
from pipeline.config import arms
from pipeline.config.params import PAPER_IMAGES

UNKNOWN = criterion.UNKNOWN
MINUS = "\N{MINUS SIGN}"
MOST_PLANNED = 1000


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share in [0, 1] in percent, without the sign; `UNKNOWN` for None.

    >>> percent(0.0314), percent(0.5, 0)
    ('3.14', '50')
    """
    return criterion.written(None if share is None else share * 100, digits)


def number(value: float) -> str:
    """Return a level of a factor, with a true minus sign.

    >>> number(0.1), number(16.0)
    ('0.1', '16')
    """
    return f"{value:g}".replace("-", MINUS)


def p_value(p: float | None) -> str:
    """Return a p-value to three digits, with a floor; `UNKNOWN` for None.

    >>> p_value(0.0471), p_value(0.00002), p_value(1.0)
    ('0.0471', '< 0.001', '1')
    """
    if p is None:
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.3g}"


def seeds(n: float | None) -> str:
    """Return a number of seeds needed; `UNKNOWN` for None.

    >>> seeds(1999.0), seeds(1_000_000)
    ('1,999', 'over 999,999')
    """
    if n is None:
        return UNKNOWN
    most = sequential.MOST_SEEDS
    return f"over {most - 1:,}" if n >= most else f"{n:,.0f}"


def planned_seeds(n: float) -> str:
    """Return an estimated number of seeds in a sentence; beyond `MOST_PLANNED`, only that.

    >>> planned_seeds(23.0), planned_seeds(7999)
    ('about 23', 'more than 1,000')
    """
    return f"about {n:,.0f}" if n <= MOST_PLANNED else f"more than {MOST_PLANNED:,}"


def listed(names: Sequence[str]) -> str:
    """Return names joined by commas and `and`.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def difference(test: Mapping[str, Any], sign: int, measure: criterion.Criterion) -> str:
    """Return the mean difference of a paired test with its interval, times a sign of +-1."""
    ends = sorted(sign * test[end] for end in ("low", "high"))
    mean = measure.shown(sign * test["difference_mean"])
    return f"{mean} ({' to '.join(map(measure.shown, ends))})"


def equals(p: float | None) -> str:
    """Return `p = 0.0471`, or `p < 0.001`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def plural(n: int, noun: str) -> str:
    """Return the noun for n items.

    >>> plural(1, "seed"), plural(2, "seed")
    ('seed', 'seeds')
    """
    return noun if n == 1 else f"{noun}s"


def sentence(text: str) -> str:
    """Return text with a capital at its start and everything else as it was.

    >>> sentence("random ELU")
    'Random ELU'
    """
    return text[:1].upper() + text[1:]


def epochs(schedule: Mapping[str, Any]) -> str:
    """Return the most epochs of a schedule, and the images it takes of a generated dataset.

    >>> epochs({"epochs": 10, "images": 20000})
    '10 epochs (20,000 fresh images)'
    """
    images = schedule.get("images")
    total = PAPER_IMAGES if images == "paper" else images
    fresh = f" ({total:,} fresh images)" if total else ""
    return f"{schedule['epochs']} {plural(schedule['epochs'], 'epoch')}{fresh}"


def label(activation: str, initialization: str) -> str:
    """Return an arm as tables and legends name it.

    >>> label("tanh", "pretrained")
    'tanh, pre-trained'
    """
    return f"{activation}, {initialization.replace('pretrained', 'pre-trained')}"


def name(row: Row) -> str:
    """Return the arm of a row of table.csv or runs.csv as tables name it: `tanh, random`."""
    return label(row["activation"], row["initialization"])


def spoken(row: Row) -> str:
    """Return the arm of a row of table.csv or runs.csv as sentences name it: `random tanh`."""
    return arms.spoken(arm_key(row))
