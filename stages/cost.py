"""Benchmark of products that skip zeros, against dense products."""

from pathlib import Path
from typing import Annotated

import typer

from stages.shell import run

Repeats = Annotated[int, typer.Option(help="number of timings of each variant", min=2)]
Seconds = Annotated[
    float, typer.Option(help="approximate length of one timing, in seconds", min=0.001)
]


def main(repeats: Repeats = 11, seconds: Seconds = 0.1) -> None:
    """Time sparse and dense products at 50 to 99% zeros, activation functions, and steps on texts.

    The layer has 1,000 units. Runs on the device selected by DEVICE, on a CPU with one thread.
    Writes the block of this device in results/cost.json and keeps the block of the other device.
    Stop other programs during the benchmark.
    """
    from benchmarks import machine, sparse_products, text_steps
    from pipeline.runtime import device, storage

    where, path = device.choose(), Path("results/cost.json")
    measured = storage.read_json(path) if path.exists() else {}
    products = sparse_products.products(where, repeats=repeats, seconds=seconds)
    for row in products:
        typer.echo(
            f"{row['direction']:9}{row['zeros']:5.0%} zeros  {row['contender']:18}"
            f"{row['ms']:8.4f} ms  {row['times_the_speed']:5.2f} x dense"
        )
    steps = text_steps.steps(where, repeats=repeats, seconds=seconds)
    for row in steps:
        typer.echo(
            f"{row['step']:30}{row['contender']:21}"
            f"{row['ms']:8.4f} ms  {row['times_the_speed']:5.2f} x dense"
        )
    measured[where.type] = {
        "machine": machine.about(where),
        "products": products,
        "units": sparse_products.units(where, repeats=repeats, seconds=seconds),
        "texts": steps,
    }
    storage.write_json(path, measured)


if __name__ == "__main__":
    run(main)
