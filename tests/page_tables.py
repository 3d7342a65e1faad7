"""Synthetic tables of every experiment and probe, as the claims page reads them."""

import itertools

import numpy as np
import pytest

from pipeline.analysis import results as read
from pipeline.analysis import statistics
from pipeline.probes import catalogue as probes
from pipeline.probes import neuron
from pipeline.report.figures.catalogue import PLOTS
from pipeline.report.figures.table import Table
from tests import committed, tables

CONFIDENCE = 0.95
ARMS = list(itertools.product(("rectifier", "tanh"), ("random", "pretrained")))
SEEDS = range(3)


def error(row):
    """Return a true error that differs between all levels, and rises with many zeros."""
    zeros = 0.5 + 35 * row["l1"]
    named = ("activation", "initialization", "alpha", "share", "depth", "multiple", "rate", "level")
    order = sum(len(str(row[name])) for name in named if name in row)
    return 0.02 + 0.001 * order + 0.4 * max(0, zeros - 0.8)


def probed(name):
    """Return a synthetic table of a probe."""
    rng = np.random.default_rng(len(name))
    grids = {
        "overlap": {"layer": (1, 2), "change": ("noise", "same class"), "noise": (0.1, 1.0)},
        "complexity": {"layer": (1, 2), "measure": ("bytes", "ink")},
        "separability": {"layer": (0, 1, 2)},
        "patterns": {"layer": (1, 2)},
        "shift": {"layer": (1, 2)},
        "spiking": {"steps": (1, 4, 16)},
    }
    if name == "neuron":
        return neuron.rows(refractory_ms=[2.0], most_rates_hz=[200.0])
    rows = []
    for (activation, start), seed in itertools.product(ARMS, SEEDS):
        for levels in itertools.product(*grids[name].values()):
            values = dict.fromkeys(probes.probe(name).columns, 0.0)
            values |= {key: float(rng.uniform(0.1, 0.6)) for key in values}
            values |= {"active_by_tenth": rng.uniform(0.1, 0.6, 10).tolist()}
            values |= dict(zip(grids[name], map(_level, levels), strict=True))
            rows.append(values | {"activation": activation, "initialization": start, "seed": seed})
    return rows


def _level(level):
    return level if isinstance(level, str) else float(level)


def arms():
    """Return the committed outcomes of the arms on digits."""
    return read.read_table(committed.folder() / "results/digits/runs.csv")


def rows_of(name):
    """Return a synthetic table, read back as the page reads it."""
    if name == "arms":
        return arms()
    if name in probes.names():
        return probed(name)
    rows = tables.table(name, error, seeds=3)
    for row in rows:
        row["alpha"] = float(row["alpha"]) if "alpha" in row else None
    return rows


@pytest.fixture(scope="module")
def made():
    """Return a table of each experiment, of each probe and of the arms."""
    return {name: Table("digits", rows_of(name), CONFIDENCE) for name in PLOTS}


def in_words(values):
    """Return mean and interval as tables of numbers have them."""
    summary = statistics.summarize(values, CONFIDENCE)
    return f"{100 * summary.mean:.2f}% ({100 * summary.low:.2f} to {100 * summary.high:.2f})"


def errors(made, name, **levels):
    return [
        row["test_error"]
        for row in made[name].rows
        if all(row[key] == value for key, value in levels.items())
    ]


def products():
    """Return a benchmark in which gathering pays from 90% zeros on."""
    speeds = {"dense": {0.5: 1.0, 0.7: 1.0, 0.9: 1.0}}
    speeds |= {"rows gathered": {0.5: 0.25, 0.7: 0.5, 0.9: 2.0}}
    rows = [
        {"direction": "forward", "zeros": zeros, "contender": name, "times_the_speed": speed}
        for name, by_zeros in speeds.items()
        for zeros, speed in by_zeros.items()
    ]
    machine = {"device": "cpu", "processor": "abacus", "torch": "2"}
    units = {"rectifier": {"ms": 0.1}, "tanh": {"ms": 0.5}, "softplus": {"ms": 1.0}}
    return {"products": rows, "units": units, "machine": machine}
