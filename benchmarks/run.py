"""The whole benchmark of training on one device."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import job, limits, machine, peers, protocol, task


def net_steps(
    where: torch.device,
    *,
    repeats: int,
    seconds: float,
    hfta: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return `machine`, its `limits` by size, and the rows of `net_steps` (see protocol.measure).

    `seconds` is how long one repeat takes, `hfta` a clone of HFTA. Each finished row is told to
    `say`, as is what goes on meanwhile.
    """
    entered = peers.on_cpu(hfta) if where.type == "cpu" else peers.on_cuda(hfta)
    found: dict[str, Any] = {"machine": machine.about(where), "limits": {}, "net_steps": []}
    for size, widths in task.SIZES.items():
        for networks in task.NETWORKS[where.type]:
            one = task.Task(widths, networks, where.type)
            if size not in found["limits"]:
                found["limits"][size] = limits.of(one, seconds=seconds)
            rows = protocol.measure(one, entered, repeats=repeats, seconds=seconds)
            for row in rows:
                say(_line(size, row))
            found["net_steps"] += [{"size": size} | row for row in rows]
    return found


def _line(size: str, row: protocol.Row) -> str:
    head = f"{size:7} K = {row['networks']:<4}{row['contender']:36}"
    if "absent" in row:
        return f"{head}{row['absent']}"
    return (
        f"{head}{row['ms_per_net_step']:9.4f} ms a net-step"
        f" [{row['first_quartile']:.4f}, {row['third_quartile']:.4f}]"
        f"  {row['times_the_speed_of_eager']:6.2f} x eager"
    )


def jobs(
    where: torch.device, *, repeats: int, say: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Return a row for each size's whole job (see job.measure)."""
    rows = []
    for size, one in job.JOBS[where.type].items():
        row = job.measure(one, task.SIZES[size], where, repeats=repeats)
        say(
            f"{size:7} K = {row['networks']:<4}{'a whole job':36}{row['ms_per_net_step']:9.4f} ms a"
            f" net-step, steps {row['steps']:.0%}, evaluation {row['evaluation']:.0%}"
        )
        rows.append({"size": size} | row)
    return rows
