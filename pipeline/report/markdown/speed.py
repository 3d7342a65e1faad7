"""The benchmark in Markdown: tables of results/bench.json, and its machine in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.text import wording


def tables(bench: Mapping[str, Any]) -> str:
    """Return the tables of a benchmark: net-steps by size, then what else it timed."""
    sizes = dict.fromkeys(row["size"] for row in bench["net_steps"])
    parts = [_net_steps(bench, size) for size in sizes]
    if bench.get("jobs"):
        parts.append(_jobs(bench["jobs"]))
    if bench.get("images"):
        parts.append(_images(bench["images"]))
    return "\n\n".join([*parts, f"<sub>{machine(bench['machine'])}</sub>"])


def machine(told: Mapping[str, Any]) -> str:
    """Return where a benchmark ran, in words."""
    where = told["device"] if told["device"] != "cpu" else f"{told['cores']} cores"
    blas = "; ".join(told["blas"])
    return (
        f"One run on {where} ({told['processor']}), torch {told['torch']}"
        f" ({told['torch_capability']}; {blas}); load before it {told['load']:.1f}. The engine is"
        " entered twice: the gap between its two rows is noise."
    )


def _net_steps(bench: Mapping[str, Any], size: str) -> str:
    rows = [row for row in bench["net_steps"] if row["size"] == size]
    networks = sorted({row["networks"] for row in rows})
    head = " | ".join(f"K = {K}" for K in networks)
    lines = [
        f"| {size} size, ms a net-step{_repeats(rows)} | {head} [quartiles] | times eager |",
        "|---|" + "---|" * (len(networks) + 1),
    ]
    missing: dict[str, str] = {}
    for name in dict.fromkeys(row["contender"] for row in rows):
        mine = {row["networks"]: row for row in rows if row["contender"] == name}
        if "absent" in mine[networks[-1]]:
            missing[name] = mine[networks[-1]]["absent"]
        else:
            lines.append(_contender(name, [mine[K] for K in networks]))
    says = [_limits(rows, bench["limits"][size])]
    if missing:
        told = "; ".join(f"{name} ({reason})" for name, reason in missing.items())
        says.append(f"Not timed: {told}.")
    return "\n".join([*lines, "", *says])


def _repeats(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return of how many repeats the times are medians, in words."""
    counts = sorted({row["repeats"] for row in rows if "repeats" in row})
    return f", medians of {' or '.join(map(str, counts))} repeats" if counts else ""


def _contender(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    times = [f"{row['ms_per_net_step']:.3f}" if "absent" not in row else "" for row in rows]
    last = rows[-1]
    times[-1] += f" [{last['first_quartile']:.3f}, {last['third_quartile']:.3f}]"
    return f"| {name} | {' | '.join(times)} | {last['times_the_speed_of_eager']:.1f} |"


def _limits(rows: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]) -> str:
    """Return how near the engine comes to what the machine can do."""
    most = max(row["networks"] for row in rows)
    engine = next(row for row in rows if row["networks"] == most)["ms_per_net_step"]
    floors = limits["floors_ms"]
    share = wording.percent(floors["one sweep"] / engine, 0)
    text = (
        f"The engine at K = {most} moves its weights, three passes a step, at {share}% of the rate"
        f" at which the same run copied ({limits['copied_gb_per_s']:.0f} GB/s)"
    )
    if "arithmetic" in floors:
        share = wording.percent(floors["arithmetic"] / engine, 0)
        text += (
            f", and multiplies at {share}% of the rate that it measured"
            f" ({limits['gflop_per_s']:.0f} GFLOP/s)"
        )
    return text + "."


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| whole job, as the pipeline runs it | ms a net-step [quartiles] | steps | evaluation |"
        " the rest |",
        "|---|---|---|---|---|",
    ]
    for row in jobs:
        time = f"{row['ms_per_net_step']:.3f} [{row['first_quartile']:.3f},"
        time += f" {row['third_quartile']:.3f}]"
        parts = row["steps"], row["evaluation"], 1 - row["steps"] - row["evaluation"]
        shares = " | ".join(f"{wording.percent(share, 0)}%" for share in parts)
        name = f"{row['size']} size, K = {row['networks']}, n = {row['repeats']}"
        lines.append(f"| {name} | {time} | {shares} |")
    return "\n".join(lines)


def _images(images: Mapping[str, Mapping[str, float]]) -> str:
    lines = ["| recipe of the generator | images a second [quartiles] |", "|---|---|"]
    for recipe, row in images.items():
        quartiles = f"[{row['first_quartile']:,.0f}, {row['third_quartile']:,.0f}]"
        lines.append(f"| {recipe} | {row['images_per_second']:,.0f} {quartiles} |")
    return "\n".join(lines)


def texts(measured: Mapping[str, Any]) -> str:
    """Return the table of steps on texts of one device's block of results/cost.json."""
    rows = measured["texts"]
    lines = ["| step on a mini-batch of 10 texts | ms [quartiles] | times the dense step |"]
    lines.append("|---|---|---|")
    for row in rows:
        time = f"{row['ms']:.3f} [{row['first_quartile']:.3f}, {row['third_quartile']:.3f}]"
        lines.append(
            f"| {row['step']}, {row['contender']} | {time} | {row['times_the_speed']:.1f} |"
        )
    told = measured["machine"]
    small = (
        f"<sub>5,000 terms, 0.6% present, one network; one thread of a {told['processor']}, torch"
        f" {told['torch']}; n = {rows[0]['repeats']} repeats, medians. The dense step is entered"
        " twice: the gap is noise.</sub>"
    )
    return "\n".join([*lines, "", small])
