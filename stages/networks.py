"""Verification of the networks on disk: hashes, and scores on the validation split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import repair
from stages.scratch import NEEDS, scratch

if TYPE_CHECKING:
    from pipeline.config.arms import Arm
    from pipeline.verification.agreement import Rule
    from pipeline.verification.findings import Finding


def intact(path: Path, locked: str | None) -> "Finding":
    """Return whether a file or folder matches its own hashes and its MD5 in DVC's lock files.

    Without the latter, `locked`, an intact one is "not verified".
    """
    from pipeline.runtime import storage
    from pipeline.runtime.errors import Problem
    from pipeline.verification.findings import Finding

    name = str(path)
    if not path.exists():
        return Finding(name, "not verified", details=["not on this disk"])
    try:
        for file in path.rglob("*"):
            if file.is_file():
                storage.verify(file)
    except Problem as problem:
        return Finding(name, "different", details=[str(problem)])
    if locked is None:
        return Finding(name, "not verified", details=["DVC's lock files have no hash of this file"])
    if repair.md5(path) != locked:
        return Finding(name, "different", details=["its MD5 differs from the lock file"])
    return Finding(name, "same bytes")


def on_validation(arm: "Arm", sections: Mapping[str, Any], rule: "Rule") -> "Finding":
    """Compare the validation scores of an arm's networks with the recorded ones."""
    from pipeline.data.splits.per_seed import read_for
    from pipeline.networks import population
    from pipeline.runtime import storage
    from pipeline.training.minibatches import REFERENCE_IMAGES, reference
    from pipeline.verification import agreement, findings, recorded

    name = f"validation scores of {arm.name}"
    files = [arm.ready / "train.npz", arm.ready / "valid.npz"]
    if not all(path.exists() for path in (arm.networks, *files)):
        return findings.Finding(name, "not verified", details=[NEEDS])
    with scratch([arm.networks, *files], sections):
        stack = population.load(arm.networks / "weights.safetensors")
        train, valid = (read_for(path, range(len(stack))) for path in files)
        lines = recorded.chosen(storage.read_lines(arm.networks / "records.jsonl"))
        seeds = [line["seed"] for line in lines]
        seen = reference(arm.dataset, train, REFERENCE_IMAGES)
        again = recorded.measured_again(stack, seeds, seen, valid)
    return findings.of(name, agreement.compare_rows(lines, again, rule))
