"""Campaign of processors: every machine makes the same files.

`python -m tests.campaigns.processors` runs a miniature of the project from nothing under settings
that stand for other processors and other numbers of cores. All outputs but those that name the
machine must be the same, byte for byte. It imitates the registers of our own kernels by LANES, and
the instructions of libraries by their own variables.
"""

import argparse

from tests.campaigns import miniature
from tests.campaigns.kills import HERE

SETTINGS: dict[str, dict[str, str]] = {
    "registers of 4 floats": {"LANES": "4"},
    "registers of 8 floats": {"LANES": "8"},
    "registers of 16 floats": {"LANES": "16"},
    "no vector instructions in torch": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX-512 in torch": {"ATEN_CPU_CAPABILITY": "avx512"},
    "oldest instructions in MKL": {"MKL_CBWR": "COMPATIBLE"},
    "SSE in MKL": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "1 core": {"CORES": "1"},
    "2 cores": {"CORES": "2"},
    "4 cores": {"CORES": "4"},
}
NAMING_THE_MACHINE = ("about.json", "protocol.json", "hashes.json", ".html")  # ends of file names


def made(outputs: dict[str, str]) -> dict[str, str]:
    """Return the outputs that do not name the machine."""
    return {
        path: content for path, content in outputs.items() if not path.endswith(NAMING_THE_MACHINE)
    }


def main() -> None:
    """Run the campaign; print a line a setting, and a summary."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("settings", nargs="*", help="default: all", metavar="setting")
    names = arguments.parse_args().settings or list(SETTINGS)
    unequal = 0
    with miniature.project() as folder:
        seconds = miniature.finish(folder)
        wanted = made(miniature.outputs(folder))
        print(f"this machine: {seconds:.0f} s, {len(wanted)} files", flush=True)
        for name in names:
            miniature.clear(folder)
            seconds = miniature.finish(folder, PYTHONPATH=HERE, **SETTINGS[name])
            found = miniature.different(made(miniature.outputs(folder)), wanted)
            unequal += bool(found)
            print(f"{name}: {seconds:.0f} s, {', '.join(found) or 'same bytes'}", flush=True)
    print(f"{len(names) - unequal} of {len(names)} settings made the same bytes")


if __name__ == "__main__":
    main()
