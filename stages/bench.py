"""Benchmark of the engine against other libraries, and of the generator of distorted characters."""

from pathlib import Path
from typing import Annotated

import typer

from stages.shell import run

Repeats = Annotated[int, typer.Option(help="number of timings of each library", min=2)]
Seconds = Annotated[
    float,
    typer.Option(
        help="length of a timing of the generator, in seconds; of a net-step a fifth", min=0.01
    ),
]
Hfta = Annotated[
    Path | None, typer.Option(help="folder with a clone of UofT-EcoSystem/hfta", exists=True)
]


def main(repeats: Repeats = 9, seconds: Seconds = 1.0, hfta: Hfta = None) -> None:
    """Time SGD steps of the engine and of other libraries, whole jobs, and the image generator.

    A net-step is one SGD step of one network on a mini-batch of 10, at the sizes of digits and
    MNIST. All libraries train the same networks; missing libraries are listed as absent. The
    paper's units and an auto-encoder are compared on one core. A job is a whole training with its
    evaluations. The generator's speed is in images per second. Writes results/bench.json (on a GPU
    results/bench-cuda.json) and the figure. Stop other programs during the benchmark.
    """
    from benchmarks import generator, protocol, units
    from pipeline.report.figures import speed, style
    from pipeline.runtime import device, storage

    where = device.choose()
    measured = protocol.net_steps(
        where, repeats=repeats, seconds=seconds / 5, hfta=hfta, say=typer.echo
    )
    measured["jobs"] = protocol.jobs(where, repeats=max(2, repeats // 2), say=typer.echo)
    if where.type == "cpu":
        measured["units"] = units.measure(repeats=repeats, seconds=seconds / 5)
        for row in measured["units"]:
            typer.echo(f"{row['size']:8}{row['contender']:36}{row['ms_per_net_step']:9.4f} ms")
    measured["images"] = generator.everything(repeats=repeats, seconds=seconds)
    for recipe, row in measured["images"].items():
        typer.echo(f"{recipe:8}{row['images_per_second']:10,.0f} images per second")
    name = "bench" if where.type == "cpu" else "bench-cuda"
    storage.write_json(Path(f"results/{name}.json"), measured)
    for theme, suffix in ((style.LIGHT, ""), (style.DARK, "-dark")):
        figure = style.svg(speed.speed, measured, theme)
        storage.write_bytes(Path(f"results/{name}{suffix}.svg"), figure)


if __name__ == "__main__":
    run(main)
