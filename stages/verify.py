"""Verification of recorded results: networks are scored again, tables recomputed, and compared."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stages import derivations, dvc_runs, networks, pulled
from stages.arguments import DatasetName
from stages.scratch import compared
from stages.shell import run

if TYPE_CHECKING:
    from pipeline.verification.findings import Finding


def main(dataset: DatasetName) -> None:
    """Recompute a dataset's scores, tables, tests and verdicts; compare with the recorded ones.

    Missing networks are pulled if DVC has a remote; without networks, tables are recomputed from
    the recorded scores. Nothing is overwritten. The exit status is 1 if a number differs.
    """
    from pipeline.config import params
    from pipeline.runtime import device
    from pipeline.runtime.errors import Problem
    from pipeline.verification import findings

    params.load().dataset(dataset)
    device.prepare_for_training()
    found = []
    for finding in _findings(dataset):
        found.append(finding)
        if finding.state != "not verified":
            typer.echo("\n".join(finding.lines))
    typer.echo("\n".join(findings.not_verified(found)))
    typer.echo(f"\n{findings.summary(found)}")
    if names := [finding.name for finding in found if finding.state == "different"]:
        raise Problem(
            f"{dataset}: {len(names)} files differ, the first is {names[0]}: restore the recorded"
            " file, or write it again with `make repro`"
        )


def _findings(dataset: str) -> "Iterator[Finding]":
    """Yield what is found, file by file: networks first, then all that follows from them."""
    from pipeline.analysis import results
    from pipeline.config.params import Compare
    from pipeline.runtime import storage
    from pipeline.verification import agreement, recorded

    folder = Path("results", dataset)
    runs = results.read_table(folder / "runs.csv")
    protocol, card = (storage.read_json(folder / f"{file}.json") for file in ("protocol", "card"))
    outcomes = recorded.outcomes(runs, protocol)
    sections = recorded.sections(outcomes, protocol)
    rule = agreement.measured({name: part["examples"] for name, part in card["splits"].items()})
    arms = [one.arm for one in outcomes]
    with dvc_runs.opened() as repo:
        hashes = pulled.hashes(repo, derivations.networks(dataset, arms))
    yield from (networks.intact(path, locked) for path, locked in hashes.items())
    for arm in arms:
        yield networks.on_validation(arm, sections, rule)
    for one in derivations.of_dataset(dataset, outcomes, Compare(**sections["compare"])):
        yield from compared(one, sections, rule if one.measured else agreement.derived)


if __name__ == "__main__":
    run(main)
