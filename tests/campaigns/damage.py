"""Campaign of damaged files: the command that reads one gives the same results, or says what to do.

`python -m tests.campaigns.damage` damages the files of a finished miniature one by one, runs the
stage that reads each alone, then what its message advises, and compares all outputs with those
before. Prints a row of a Markdown table for each; fails where a number changed without a word, or
where the advice did not help. With DATA_MIRROR, downloads of MNIST are damaged as well.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns import miniature, stores

ARM = "digits rectifier pretrained"
FOLDER = "digits/rectifier-pretrained"
EXPERIMENT = "runs/experiments/digits/hardness"
RESULTS = ("table.csv", "baselines.csv", "protocol.json")
RECORDS = ("hardness", "sparsity")  # of this run, and a committed table
ALL = "all"  # the README's commands


@dataclass(frozen=True)
class Case:
    """A kind of file, where one lies, and the command that reads it, by default the README's."""

    kind: str
    path: str
    command: str = ALL
    delete: str = ""  # an output that DVC then takes from its cache
    again: str = ""  # the command for the advice `dvc repro`, of a dataset that is not run


CASES = (
    Case("raw file", "data/raw/digits/digits.npz", "preprocess digits"),
    Case("split", "data/ready/digits/train.npz", f"pretrain {ARM}"),
    Case("split", "data/ready/digits/test.npz", f"evaluate {ARM}"),
    Case("starting networks", f"runs/start/{FOLDER}/weights.safetensors", f"finetune {ARM}"),
    Case("starting networks", f"runs/start/{FOLDER}/about.json", f"evaluate {ARM}"),
    Case("trained networks", f"runs/networks/{FOLDER}/weights.safetensors", f"evaluate {ARM}"),
    Case("trained networks", f"runs/networks/{FOLDER}/records.jsonl", "compare digits"),
    Case("scores", f"runs/scores/{FOLDER}/records.jsonl", "compare digits"),
    Case("store of networks", "runs/trained/*", f"finetune {ARM}"),
    *(
        Case("experiment", f"{EXPERIMENT}/{name}", "score digits hardness")
        for name in ("*/weights.safetensors", "*/records.jsonl", "hashes.json")
    ),
    *(Case("table of results", f"results/digits/{name}", "report") for name in RESULTS),
    *(
        Case("data of figures", f"results/digits/{name}", "report")
        for name in ("filters.npz", "curves.json", "card.json")
    ),
    Case("results of another dataset", "results/mnist/runs.csv", "claims-page"),
    Case("times", "results/cost.json", "judge digits"),
    Case("runs that are judged", "results/digits/runs.csv", "judge digits"),
    *(Case("records", f"claims/digits/records/{name}.csv", "judge digits") for name in RECORDS),
    Case("verdicts", "claims/digits/claims.csv", "claims-page"),
    Case("hashes of verdicts", "runs/verdicts/digits.json"),
    Case("page", "report/index.html"),
    Case("lock file of DVC", "dvc.lock"),
    Case("lock file of DVC", "claims/dvc.lock"),
    Case("rwlock of DVC", ".dvc/tmp/rwlock"),
    Case("cache object, a file", "cache of data/ready/digits/test.npz", ALL, "data/ready/digits"),
    Case("cache object, a list", "cache of the folder", ALL, f"runs/networks/{FOLDER}"),
    Case("MLflow's store", "mlflow.db", "track"),
)
LABELS = "mnist/t10k-labels-idx1-ubyte.gz"
OFFICIAL = (
    Case("download", f"data/downloads/{LABELS}", "download mnist"),
    Case("official file", f"data/raw/{LABELS}", "preprocess mnist", again="download mnist"),
)


def flipped(content: bytes) -> bytes:
    """Return content with a bit flipped, of its last digit, or if binary of its middle byte."""
    digits = [place for place, byte in enumerate(content) if byte in b"0123456789"]
    place = digits[-1] if content.isascii() and digits else len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def cut(content: bytes) -> bytes:
    """Return the first half, between two lines where there are lines."""
    end = content.rfind(b"\n", 0, 3 * len(content) // 4) + 1
    return content[: end if content[-1:] == b"\n" and end else len(content) // 2]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "cut": cut,
    "a bit flipped": flipped,
}


def cached(folder: Path, *, a_list: bool) -> Path:
    """Return a file of DVC's cache: that of the test split, or the list of a folder's files."""
    lock = (folder / "dvc.lock").read_text()
    path = rf"runs/networks/{FOLDER}" if a_list else "data/ready/digits/test.npz"
    places = re.findall(rf"path: {path}\n\s+hash: md5\n\s+md5: (\S+)", lock)
    return folder / ".dvc/cache/files/md5" / places[-1][:2] / places[-1][2:]


def places(folder: Path, case: Case) -> list[Path]:
    """Return the files of a case."""
    if case.path.startswith("cache"):
        return [cached(folder, a_list=case.path.endswith("folder"))]
    return sorted(folder.glob(case.path))


def execute(folder: Path, command: str) -> tuple[int, str]:
    """Run a command of a case or of an advice; return its status and output."""
    if command == ALL:
        process = miniature.start(folder, miniature.EVERYTHING)
        return process.wait(), miniature.output()
    known = {"dvc repro": ["repro"], "make repro": ["repro"], "make claims": ["claims"]}
    words = known.get(command) or shlex.split(command.removeprefix("python -m stages").strip())
    if words[0] == "git":
        return subprocess.run(words, cwd=folder, check=True).returncode, ""
    return miniature.run(folder, *words)


def words_of(output: str, path: Path) -> str:
    """Return the line of an output that speaks of the damage, "" if none does."""
    said = re.compile("^(error|warning):|damaged|broken|cannot|deleted", re.IGNORECASE)
    lines = [line for line in output.splitlines() if said.search(line)]
    named = [line for line in lines if path.name in line]
    return (named or lines or [""])[0].strip()


def outcome(folder: Path, case: Case, wanted: dict[str, str]) -> tuple[str, str]:
    """Run the command that reads a damaged file; return what it said and what brought it right."""
    path = places(folder, case)[0]
    status, output = execute(folder, case.command)
    said = words_of(output, path)
    if path.name == "mlflow.db":
        return of_store(folder, path, said)
    if not status and not miniature.different(miniature.outputs(folder), wanted):
        return said or "nothing", "the command itself"
    assert "Traceback" not in output, output
    steps = []
    if status:
        assert said, output
        advised = [
            step for step in re.findall(r"`([^`]+)`", said) if not step.startswith("git add")
        ]
        for first in (advised[:1], advised[-1:] + advised[:1], [ALL]):
            steps = first
            for step in steps:
                execute(folder, case.again if step == "dvc repro" and case.again else step)
            if not miniature.different(miniature.outputs(folder), wanted):
                break
    else:  # not read by this command; the README's commands read everything
        unread = miniature.outputs(folder)
        rest = miniature.different(unread, wanted)
        mine = [str(path.relative_to(folder)) for path in places(folder, case)]
        assert {*rest} <= {*mine} or said, f"changed without a word: {rest}"
        steps = [ALL]
        assert execute(folder, ALL)[0] == 0, miniature.output()
    found = miniature.different(miniature.outputs(folder), wanted)
    assert not found, f"other results after {steps}: {found}"
    return said or "nothing: not read", " then ".join(f"`{step}`" for step in steps)


def of_store(folder: Path, path: Path, said: str) -> tuple[str, str]:
    """Follow the advice on a damaged MLflow store; results do not depend on it."""
    if not said:  # an empty store is made anew; sqlite does not notice a bit
        assert not (found := stores.faults(f"sqlite:///{path}")), found
        return "nothing", "the command itself"
    assert "move it away" in said, said
    path.rename(path.with_name("away.db"))
    assert execute(folder, "track")[0] == 0, miniature.output()
    assert not (found := stores.faults(f"sqlite:///{path}")), found
    return said, "`mv mlflow.db away.db` then `track`"


def main() -> None:
    """Run the campaign on all kinds of files, or on the given kinds."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("kinds", nargs="*", help="kinds to damage, e.g. records; all by default")
    options = arguments.parse_args()
    cases = [*CASES, *(OFFICIAL if os.environ.get("DATA_MIRROR") else ())]
    if len(cases) == len(CASES):
        print("skipped: downloads, since DATA_MIRROR is not set")
    failures = 0
    with miniature.project() as folder:
        miniature.finish(folder)
        if len(cases) > len(CASES):
            for command in ("download mnist", "preprocess mnist"):
                miniature.finish(folder, [*miniature.STAGES, *command.split()])
        wanted, whole = miniature.outputs(folder), folder.with_name("whole")
        shutil.copytree(folder, whole, symlinks=True)
        print(
            "| file | damage | the command says | brought right by |\n|---|---|---|---|", flush=True
        )
        for case in cases:
            if options.kinds and case.kind not in options.kinds:
                continue
            for name, damaged in DAMAGES.items():
                shutil.rmtree(folder)
                shutil.copytree(whole, folder, symlinks=True)
                for path in places(folder, case):
                    path.chmod(0o644)
                    path.write_bytes(damaged(path.read_bytes()))
                if case.delete:
                    shutil.rmtree(folder / case.delete)
                try:
                    said, right = outcome(folder, case, wanted)
                except AssertionError as error:
                    failures += 1
                    said, right = f"FAILED: {str(error)[-1500:]}", "-"
                said = said.replace(str(folder), ".").replace("|", "/")
                print(f"| {case.kind}: `{case.path}` | {name} | {said} | {right} |", flush=True)
    print(f"{failures} failures")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
