"""What stands under the figures of the probes."""

from pipeline.report.figures import probe_plots
from pipeline.report.figures.conditions import Point, Table
from pipeline.report.figures.experiment_captions import reading, shown
from pipeline.report.text.names import label
from pipeline.report.text.summary import percent

STARTS = "Solid, full: pre-trained; dashed, hollow: random."
LAYERS = "Mean over hidden layers."


def _random(table: Table) -> Table:
    return table.where(activation=probe_plots.SPARSE, initialization="random")


def _number(point: Point) -> str:
    """Return a mean that is no share, with its interval."""
    if point.mean is None:
        return "none"
    text = f"{point.mean:.2f}"
    if point.low is not None and point.high is not None:
        text += f" ({point.low:.2f} to {point.high:.2f})"
    return text.replace("-", "\N{MINUS SIGN}")


def overlap(table: Table) -> str:
    """Return the caption of active units under noise."""
    mine = _random(table)
    parts = [f"{reading(table)} {LAYERS} {STARTS}"]
    parts.append(
        "Above: of the units active before or after the change, the share active both times. A code"
        " that keeps its active units under small changes, and shares fewer with another input "
        "(dotted), tells inputs apart without being shaken."
    )
    noise = mine.where(change="noise")
    kept = [
        f"{percent(share, 0)}% noise keeps "
        f"{shown(noise.where(noise=share).averaged('overlap').point('overlap'))}"
        for share in sorted(noise.levels("noise"))
    ]
    parts.append(f"In random rectifier networks {', '.join(kept)}.")
    parts.append("Below: by how much outputs move, which units without zeros can be judged by too.")
    return " ".join(parts)


def complexity(table: Table) -> str:
    """Return the caption of active units over complexity."""
    mine = _random(table)
    parts = [
        f"Random rectifier networks, mean over {table.seeds} seeds. Complexity: the bytes an input "
        "takes when compressed. A code of variable size would climb to the right."
    ]
    for measure, word in (("bytes", "bytes"), ("ink", "mean ink")):
        by_layer = [
            f"layer {layer:g} {_number(part.point('correlation'))}"
            for layer in sorted(mine.levels("layer"))
            for part in [mine.where(layer=layer, measure=measure)]
        ]
        parts.append(f"Rank correlation with {word}: {', '.join(by_layer)}.")
    return " ".join(parts)


def separability(table: Table) -> str:
    """Return the caption of linear classifiers by layer."""
    layers = sorted(table.levels("layer"))
    parts = [
        f"{reading(table)} {STARTS} Logistic regression on the outputs of one layer. A curve that "
        "falls: each layer makes the classes easier to separate by a plane."
    ]
    ends = [
        f"{label(name, start)} {shown(mine.where(layer=layers[-1]).point())}"
        for name, start, mine in probe_plots.starts(table)
    ]
    first = _random(table).where(layer=0.0).point()
    parts.append(f"The input: {shown(first, interval=False)}; the top layer: {', '.join(ends)}.")
    return " ".join(parts)


def patterns(table: Table) -> str:
    """Return the caption of patterns of active units."""
    mine = _random(table)
    by_layer = [
        f"layer {layer:g} {shown(part.point('distinct'))}, "
        f"{_number(part.point('information_bits'))} bits a unit"
        for layer in sorted(mine.levels("layer"))
        for part in [mine.where(layer=layer)]
    ]
    return (
        f"{reading(table)} {STARTS} At 100% every test example has a set of active units of its "
        "own: the code is distributed, though most units are 0. In random rectifier networks: "
        f"{'; '.join(by_layer)} (what knowing whether one unit is active tells of the class)."
    )


def shift(table: Table) -> str:
    """Return the caption of errors over the distance from mean 0."""
    found = [
        f"{label(name, start)} {shown(mine.averaged('shift').point('shift'))}"
        for name, start, mine in probe_plots.starts(table)
    ]
    return (
        f"Each dot is one of {table.seeds} seeds of an arm; {LAYERS.lower()} Full: pre-trained; "
        "hollow: random. 0: the outputs of each unit average out over the test examples; 100: they "
        "are the same for all. If mean 0 helps, the cloud climbs to the right. How far from mean "
        f"0: {', '.join(found)}."
    )


def spiking(table: Table) -> str:
    """Return the caption of spiking networks."""
    most = max(table.levels("steps"))
    parts = [
        f"{reading(table)} {STARTS} Trained rectifier networks whose units now add up their input "
        "and spike at a threshold. Above: test error after so many time steps; dotted: with rates "
        "in place of spikes, as trained. Below: hidden units without a spike so far; shaded: the "
        "95 to 99% of the brain that the paper cites."
    ]
    for name, start, mine in probe_plots.starts(table):
        late = mine.where(steps=most)
        parts.append(
            f"{label(name, start).capitalize()}: {shown(late.point())} after {most:g} steps, "
            f"{shown(late.point('rate_error'), interval=False)} as rates, "
            f"{percent(late.point('silent_units').mean, 1)}% still silent."
        )
    return " ".join(parts)


def rate_curve(table: Table) -> str:
    """Return the caption of the neuron's rate."""
    cell, fits = probe_plots.drawn_fits(table)
    here = ", ".join(f"{name} {percent(fit.misfit, 1)}%" for name, fit in fits.items())
    return (
        f"A leaky integrate-and-fire neuron with {cell.refractory_ms:g} ms of rest after a spike, "
        "and the nearest that each unit comes to it. It is silent below a threshold, as the "
        "rectifier is; it bends where the rectifier is straight. Softplus may grow as hard as a "
        "rectifier, and then lies on it (dashed). Root mean square misfit here, of the highest "
        f"rate: {here}."
    )
