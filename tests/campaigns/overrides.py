"""Campaign of kills while `dvc exp run -S` rewrites params.yaml, which DVC does in place.

`python -m tests.campaigns.overrides --kills 10` kills it within that write. Then `python -m stages
repro` goes on, or says in one line that the file is cut, and its advice helps.
"""

import argparse
import subprocess
import sys
from collections import Counter

from tests.campaigns import miniature
from tests.campaigns.kills import HERE

COMMAND = [sys.executable, "-m", "dvc", "exp", "run", "-S", "datasets.norb.network.hidden=[10]"]
SECONDS = 0.5  # of the write, about
ADVICE = "git checkout params.yaml"


def main() -> None:
    """Run the campaign; print a line a kill, and a summary."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--kills", type=int, default=10)
    kills, states = arguments.parse_args().kills, Counter[str]()
    with miniature.project() as folder:
        miniature.finish(folder, [*miniature.STAGES, "repro"])
        wanted, params = miniature.outputs(folder), folder / "params.yaml"
        for trial in range(kills):
            kill_in = f"params.yaml:1:{SECONDS}"
            process = miniature.start(folder, COMMAND, KILL_IN=kill_in, PYTHONPATH=HERE)
            process.wait()
            miniature.kill(process)
            content = params.read_bytes()
            state = "whole" if content.endswith(b"\n") else "cut" if content else "empty"
            states[state] += 1
            status, output = miniature.run(folder, "repro")
            if status:
                assert len(output.splitlines()) == 1, output
                assert ADVICE in output, output
            print(
                f"kill {trial + 1}: {state}; {output.strip() if status else 'goes on'}", flush=True
            )
            subprocess.run(ADVICE.split(), cwd=folder, check=True, capture_output=True)
            miniature.finish(folder, [*miniature.STAGES, "repro"])
            found = miniature.different(miniature.outputs(folder), wanted)
            assert not found, f"other results: {found}"
    counts = ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
    print(f"{kills} of {kills} kills: goes on, or the advice helps. params.yaml: {counts}")


if __name__ == "__main__":
    main()
