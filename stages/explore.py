"""Page with sliders over the levels of the experiments: one self-contained HTML file."""

from pathlib import Path

from stages.shell import run


def main() -> None:
    """Write `report/explore.html`, from the records in `claims/` alone.

    Includes your own datasets that have records of an experiment on the page.
    """
    from pipeline.config import params
    from pipeline.exploration import page, sweeps
    from pipeline.runtime import storage
    from stages import table_hashes

    table_hashes.check("claims")
    confidence = params.load().compare.confidence
    datasets = {
        folder.name: sweeps.read(folder, confidence) for folder in sorted(Path("claims").glob("*/"))
    }
    html = page.page(datasets, confidence)
    storage.write_bytes(Path("report/explore.html"), html.encode())


if __name__ == "__main__":
    run(main)
