"""Simulation of the paper's experiments on clusters of 1 to 256 nodes."""

from pathlib import Path
from typing import Annotated

import typer

from stages.shell import run

NODES = (1, 4, 16, 64, 256)
Cores = Annotated[int, typer.Option(min=1, help="cores per node")]
Milliseconds = Annotated[
    float | None,
    typer.Option(help="time of a net-step on one core; default: from results/bench.json"),
]
Seconds = Annotated[float, typer.Option(help="seconds until the processes of a stage have started")]
Speed = Annotated[float, typer.Option(help="network speed between nodes, in MB per second")]
Inputs = Annotated[float, typer.Option(help="size of the splits, in MB")]


def main(
    cores: Cores = 16,
    milliseconds: Milliseconds = None,
    start: Seconds = 20.0,
    speed: Speed = 100.0,
    inputs: Inputs = 55.0,
) -> None:
    """Print simulated hours and core utilization on 1 to 256 nodes, as a Markdown table.

    Strong scaling: five seeds in total. Weak scaling: five seeds per node. "in turn": one stage
    after the other, as DVC runs them; "together": `python -m stages train`.
    """
    from benchmarks import scale
    from pipeline.runtime import storage

    if milliseconds is None:
        bench = storage.read_json(Path("results/bench.json"))
        (job,) = [each for each in bench["jobs"] if each["size"] == "mnist"]
        milliseconds = job["ms_per_net_step"] * bench["machine"]["cores"]
    costs = scale.Costs(milliseconds / 1e3, start, speed * scale.MB, inputs * scale.MB)
    typer.echo("| training | seeds | nodes | hours in turn | busy | hours together | busy |")
    typer.echo("|---|---|---|---|---|---|---|")
    for name in scale.workloads(5):
        for seeds, nodes in [(5, n) for n in NODES] + [(5 * n, n) for n in NODES[1:]]:
            row = f"| {name} | {seeds} | {nodes} |"
            for together in (False, True):
                chains = scale.workloads(seeds)[name]
                seconds, busy = scale.simulate(chains, cores, nodes, costs, together=together)
                row += f" {seconds / 3600:.2f} | {100 * busy:.0f}% |"
            typer.echo(row)


if __name__ == "__main__":
    run(main)
