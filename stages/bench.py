"""Time the engine beside ordinary PyTorch, and the generator of distorted characters."""

from pathlib import Path
from typing import Annotated

import typer

from stages.shell import run

Repeats = Annotated[int, typer.Option(help="how often each contender is timed", min=2)]
Seconds = Annotated[float, typer.Option(help="how long one repeat takes, about", min=0.01)]


def main(repeats: Repeats = 11, seconds: Seconds = 1.0) -> None:
    """Time a net-step (one SGD step of one network, batch 10) at digits and MNIST size.

    The engine runs as the pipeline runs it; its rival is one nn.Sequential after the other with
    autograd and torch.optim.SGD. Then images drawn a second by each recipe, and what zeros save:
    dense products of a layer beside sparse ones. Writes results/bench.json; let nothing else run
    meanwhile.
    """
    from pipeline import benchmark, cost, device, drawing, records

    steps = {}
    for size in benchmark.SIZES:
        steps[size] = rows = benchmark.measure(size, repeats=repeats, seconds=seconds)
        for name, row in rows.items():
            typer.echo(
                f"{size:8}{name:36}{row['ms_per_net_step']:8.4f} ms a net-step"
                f" [{row['first_quartile']:.4f}, {row['third_quartile']:.4f}]"
                f"  {row['times_the_speed_of_eager']:5.2f} x eager"
            )
    images = drawing.everything(repeats=repeats, seconds=seconds)
    for recipe, row in images.items():
        typer.echo(f"{recipe:8}{row['images_per_second']:10,.0f} images a second")
    where = device.choose()
    zeros = cost.products(where, repeats=repeats, seconds=seconds / 10)
    for row in zeros:
        typer.echo(
            f"{row['direction']:8}{row['zeros']:5.0%} zeros  {row['contender']:18}"
            f"{row['ms']:8.4f} ms  {row['times_the_speed']:5.2f} x dense"
        )
    found = {
        "machine": benchmark.machine() | {"products_on": device.describe(where)},
        "net_steps": steps,
        "images": images,
        "products": zeros,
        "units": cost.units(where, repeats=repeats, seconds=seconds / 10),
    }
    records.write_json(Path("results/bench.json"), found)


if __name__ == "__main__":
    run(main)
