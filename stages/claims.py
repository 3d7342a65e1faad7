"""Claims page: one self-contained HTML file from claims/ and results/ alone."""

from pathlib import Path

from stages import last_line
from stages.shell import run


def main() -> str:
    """Write `report/claims.html`: the datasets of params.yaml first, then others with verdicts."""
    from pipeline.analysis import results
    from pipeline.claims import records
    from pipeline.config import params
    from pipeline.report.figures.catalogue import checked
    from pipeline.report.pages import claims_page
    from pipeline.runtime import storage
    from stages import table_hashes

    table_hashes.check("results", "claims")
    settings = params.load()
    compare, tested = settings.compare, []
    others = sorted(path.parent.name for path in Path("claims").glob("*/claims.csv"))
    for dataset in dict.fromkeys([*settings.run.datasets, *others]):
        folder = Path("claims", dataset)
        files = {path.stem: path for path in sorted(folder.glob("records/*.csv"))}
        if (runs := Path("results", dataset, "runs.csv")).exists():
            files["arms"] = runs
        tables = {
            name: checked(name, path, dataset, records.read_rows(path), compare.confidence)
            for name, path in files.items()
        }
        claims = results.read_table(folder / "claims.csv")
        tested.append(claims_page.Tested(dataset, claims, tables))
    compared = [
        results.read(path.parent, figures=False)
        for path in sorted(Path("results").glob("*/table.csv"))
    ]
    cost = Path("results/cost.json")
    html = claims_page.page(
        tested,
        compared,
        cost=storage.read_json(cost) if cost.exists() else {},
        confidence=compare.confidence,
        significance=compare.significance,
    )
    path = Path("report/claims.html")
    storage.write_bytes(path, html.encode())
    made = f"claims on {last_line.count(len(tested), 'dataset')}"
    return last_line.line("claims-page", made=made, place=path)


if __name__ == "__main__":
    run(main)
