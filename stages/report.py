"""Report: one self-contained HTML file from results/ alone."""

from pathlib import Path

from stages import last_line
from stages.shell import run


def main() -> str:
    """Write `report/index.html` for the datasets of params.yaml."""
    from pipeline.analysis import results
    from pipeline.config import params
    from pipeline.report.pages import results_page
    from pipeline.runtime import storage
    from stages import table_hashes

    datasets = params.load().run.datasets
    table_hashes.check(*(f"results/{dataset}" for dataset in datasets))
    html = results_page.page([results.read(Path("results", dataset)) for dataset in datasets])
    path = Path("report/index.html")  # beside the claims page
    storage.write_bytes(path, html.encode())
    return last_line.line("report", made=f"results of {', '.join(datasets)}", place=path)


if __name__ == "__main__":
    run(main)
