"""Time the engine beside its peers, and the generator of distorted characters."""

from pathlib import Path
from typing import Annotated

import typer

from stages.shell import run

Repeats = Annotated[int, typer.Option(help="how often each contender is timed", min=2)]
Seconds = Annotated[float, typer.Option(help="how long one repeat takes, about", min=0.01)]
Hfta = Annotated[Path | None, typer.Option(help="a clone of UofT-EcoSystem/hfta", exists=True)]


def main(repeats: Repeats = 9, seconds: Seconds = 1.0, hfta: Hfta = None) -> None:
    """Time a net-step (one SGD step of one network, batch 10) at digits and MNIST size.

    The engine runs as the pipeline runs it; its peers train the same networks, alone or together,
    and those that are not installed are listed as such. Then whole jobs, evaluation included, and
    images drawn a second by each recipe.
    Writes results/bench.json and its figure, on a GPU results/bench-cuda.json; let nothing else run
    meanwhile.
    """
    from benchmarks import generator
    from benchmarks import run as benchmark
    from pipeline.report.figures import speed, style
    from pipeline.runtime import device, storage

    where = device.choose()
    found = benchmark.net_steps(
        where, repeats=repeats, seconds=seconds / 5, hfta=hfta, say=typer.echo
    )
    found["jobs"] = benchmark.jobs(where, repeats=max(2, repeats // 2), say=typer.echo)
    found["images"] = generator.everything(repeats=repeats, seconds=seconds)
    for recipe, row in found["images"].items():
        typer.echo(f"{recipe:8}{row['images_per_second']:10,.0f} images a second")
    name = "bench" if where.type == "cpu" else "bench-cuda"
    storage.write_json(Path(f"results/{name}.json"), found)
    for theme, suffix in ((style.LIGHT, ""), (style.DARK, "-dark")):
        picture = style.svg(speed.speed, found, theme)
        storage.write_bytes(Path(f"results/{name}{suffix}.svg"), picture)


if __name__ == "__main__":
    run(main)
