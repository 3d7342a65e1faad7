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
    autograd and torch.optim.SGD. Then images drawn a second by each recipe. Writes
    results/bench.json; let nothing else run meanwhile.
    """
    from pipeline import benchmark, drawing, records

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
    found = {
        "machine": benchmark.machine(),
        "net_steps": steps,
        "images": images,
    }
    records.write_json(Path("results/bench.json"), found)


if __name__ == "__main__":
    run(main)
