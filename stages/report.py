"""Report: one self-contained HTML file from results/ alone."""

from pathlib import Path

from stages.shell import run


def main() -> None:
    """Write `report/index.html` for the datasets of params.yaml."""
    from pipeline import params, records
    from pipeline.analysis import results
    from pipeline.report import page

    datasets = params.load().run.datasets
    html = page.page([results.read(Path("results", dataset)) for dataset in datasets])
    records.write_bytes(Path("report/index.html"), html.encode())  # the claims' page is beside it


if __name__ == "__main__":
    run(main)
