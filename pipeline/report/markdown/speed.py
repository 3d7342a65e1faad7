"""Tables of the benchmarks: results/bench.json, and the steps on texts of results/cost.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.markdown.blocks import table
from pipeline.report.text import wording

Measured = Mapping[str, Any]


def in_short(bench: Measured) -> str:
    """Return the engine's time at the most networks of each size, in one sentence."""
    parts = []
    for size in dict.fromkeys(row["size"] for row in bench["net_steps"]):
        row = _engine([row for row in bench["net_steps"] if row["size"] == size])
        parts.append(
            f"{row['ms_per_net_step']:.3f} ms at {size} size"
            f" ({row['times_the_speed_of_eager']:.1f} times as fast as eager PyTorch)"
        )
    where = f"On {_place(bench['machine'])}, with K = {row['networks']} networks side by side"
    return f"{where}, one SGD step of one network takes {' and '.join(parts)}."


def tables(bench: Measured) -> str:
    """Return the tables of a benchmark: net-steps by size, whole jobs, images of the generator."""
    sizes = dict.fromkeys(row["size"] for row in bench["net_steps"])
    parts = [_net_steps(bench, size) for size in sizes]
    if bench.get("jobs"):
        parts.append(_jobs(bench["jobs"]))
    if bench.get("units"):
        parts.append(_units(bench["units"]))
    if bench.get("images"):
        heads = ["recipe of the generator", "images per second [quartiles]"]
        rows = [
            [recipe, _with_quartiles(row, "images_per_second", ",.0f")]
            for recipe, row in bench["images"].items()
        ]
        parts.append(table(heads, rows))
    return "\n\n".join([*parts, f"<sub>{machine(bench['machine'])}</sub>"])


def machine(about: Measured) -> str:
    """Return the machine of a benchmark in words."""
    return (
        f"One run on {_place(about)}, torch {about['torch']} ({about['torch_capability']};"
        f" {'; '.join(about['blas'])}); load before the run {about['load']:.1f}. The engine is"
        " timed twice: the difference between its two rows is noise."
    )


def _place(about: Measured) -> str:
    device = about["device"] if about["device"] != "cpu" else f"{about['cores']} cores"
    return f"{device} ({about['processor']})"


def _with_quartiles(row: Measured, key: str, form: str = ".3f") -> str:
    ends = ", ".join(format(row[f"{name}_quartile"], form) for name in ("first", "third"))
    return f"{row[key]:{form}} [{ends}]"


def _engine(rows: Sequence[Measured]) -> Measured:
    """Return the first contender's row of the most networks: the engine's."""
    most = max(row["networks"] for row in rows)
    return next(row for row in rows if row["networks"] == most)


def _net_steps(bench: Measured, size: str) -> str:
    rows = [row for row in bench["net_steps"] if row["size"] == size]
    networks = sorted({row["networks"] for row in rows})
    counts = sorted({row["repeats"] for row in rows if "repeats" in row})
    repeats = f", medians of {' or '.join(map(str, counts))} repeats" if counts else ""
    heads = [f"{size} size, ms per net-step{repeats}", *(f"K = {K}" for K in networks)]
    heads[-1] += " [quartiles]"
    lines, absent = [], []
    for name in dict.fromkeys(row["contender"] for row in rows):
        by_count = {row["networks"]: row for row in rows if row["contender"] == name}
        last = by_count[networks[-1]]
        if "absent" in last:
            absent.append(f"{name} ({last['absent']})")
            continue
        times = [
            "" if "absent" in by_count[K] else f"{by_count[K]['ms_per_net_step']:.3f}"
            for K in networks[:-1]
        ]
        faster = f"{last['times_the_speed_of_eager']:.1f}"
        lines.append([name, *times, _with_quartiles(last, "ms_per_net_step"), faster])
    notes = [_limits(_engine(rows), bench["limits"][size])]
    if absent:
        notes.append(f"Not timed: {'; '.join(absent)}.")
    return "\n".join([table([*heads, "speed, eager = 1"], lines), "", *notes])


def _limits(engine: Measured, limits: Measured) -> str:
    """Return the engine's shares of the measured copy rate and arithmetic rate, in a sentence."""
    floors, ms = limits["floors_ms"], engine["ms_per_net_step"]
    text = (
        f"At K = {engine['networks']}, with three passes over the weights per step, the engine"
        f" reaches {wording.percent(floors['one sweep'] / ms, 0)}% of the copy rate measured in"
        f" the same run ({limits['copied_gb_per_s']:.0f} GB/s)"
    )
    if "arithmetic" in floors:
        text += (
            f" and {wording.percent(floors['arithmetic'] / ms, 0)}% of the measured"
            f" arithmetic rate ({limits['gflop_per_s']:.0f} GFLOP/s)"
        )
    return text + "."


def _jobs(jobs: Sequence[Measured]) -> str:
    heads = ["whole job, as the pipeline runs it", "ms per net-step [quartiles]"]
    rows = []
    for row in jobs:
        shares = row["steps"], row["evaluation"], 1 - row["steps"] - row["evaluation"]
        name = f"{row['size']} size, K = {row['networks']}, n = {row['repeats']}"
        time = _with_quartiles(row, "ms_per_net_step")
        rows.append([name, time, *(f"{wording.percent(share, 0)}%" for share in shares)])
    return table([*heads, "steps", "evaluation", "other"], rows)


def _units(rows: Sequence[Measured]) -> str:
    heads = ["one core, the engine except where named", "K", "ms per net-step [quartiles]", "times"]
    lines = [
        [
            f"{row['size']} size, {row['contender']}",
            str(row["networks"]),
            _with_quartiles(row, "ms_per_net_step"),
            f"{row['times']:.2f} of {row['against']}",
        ]
        for row in rows
    ]
    return table(heads, lines)


def texts(measured: Measured) -> str:
    """Return the table of steps on texts of one device's part of results/cost.json."""
    heads = ["step on a mini-batch of 10 texts", "ms [quartiles]", "speed, dense = 1"]
    rows = [
        [
            f"{row['step']}, {row['contender']}",
            _with_quartiles(row, "ms"),
            f"{row['times_the_speed']:.1f}",
        ]
        for row in measured["texts"]
    ]
    about = measured["machine"]
    small = (
        f"5,000 terms, 0.6% present, one network; one thread of {about['processor']}, torch"
        f" {about['torch']}; medians of {measured['texts'][0]['repeats']} repeats. The dense step"
        " is timed twice: the difference is noise."
    )
    return f"{table(heads, rows)}\n\n<sub>{small}</sub>"
