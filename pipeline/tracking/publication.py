"""Publication of a dataset's finished results: arms, baselines, pairs of arms, experiments."""

from collections.abc import Iterator, Sequence
from itertools import product

from pipeline.config.arms import arms_of
from pipeline.config.params import Params
from pipeline.tracking import arms, finished_arm, runs, tables


def published(settings: Params, datasets: Sequence[str], *, uri: str) -> Iterator[str]:
    """Publish the finished results of datasets to the store at `uri`; yield a line about each.

    Raises Unreachable where the store fails, and Problem where records are damaged.
    """
    for arm in (arm for name in datasets for arm in arms_of(settings, name)):
        if not finished_arm.finished(arm, settings):
            yield f"{arm.name}: not finished, skipped"
            continue
        new = runs.publish(arms.read(arm, settings), uri=uri)
        yield f"{arm.name}: {'published' if new else 'unchanged'}"
    for dataset in datasets:
        rows = {"baselines": tables.baselines(dataset), "pairs of arms": tables.pairs(dataset)}
        for name, contents in rows.items():
            if contents:
                new = runs.publish(contents, uri=uri)
                yield f"{dataset}: {new} of {len(contents)} {name} published"
    for dataset, experiment in product(datasets, settings.run.experiments):
        if conditions := tables.conditions(dataset, experiment, settings.compare.confidence):
            new = runs.publish(conditions, uri=uri)
            yield f"{dataset}: {experiment}: {new} of {len(conditions)} conditions published"
