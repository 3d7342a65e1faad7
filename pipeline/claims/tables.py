"""Which function finds the groups that claims name in which table."""

from collections.abc import Callable, Mapping, Sequence

from pipeline.claims import experiment_groups as experiments
from pipeline.claims import probe_groups as probes
from pipeline.claims.groups import Group, Row

Parts = Mapping[str, Sequence[Row]]

GROUPS: dict[str, Callable[[Sequence[Row]], Parts]] = {
    "sparsity": experiments.sparsity,
    "hardness": experiments.hardness,
    "labels": experiments.labels,
    "reconstruction": experiments.reconstruction,
    "ablation": experiments.ablation,
    "depth": experiments.depth,
    "width": experiments.width,
    "rates": experiments.rates,
    "units": experiments.units,
    "recipe": experiments.recipe,
    "dying": experiments.dying,
    "conditioning": experiments.conditioning,
    "overlap": probes.overlap,
    "complexity": probes.complexity,
    "separability": probes.separability,
    "patterns": probes.patterns,
    "shift": probes.shift,
    "neuron": probes.neuron,
    "spiking": probes.spiking,
}


def groups_of(records: str, rows: Sequence[Row]) -> dict[str, Group]:
    """Return the groups that claims name of a table's rows, none of them empty."""
    if not rows or records not in GROUPS:
        return {}
    found = {key: Group(part) for key, part in GROUPS[records](rows).items()}
    return {key: group for key, group in found.items() if group.rows}
