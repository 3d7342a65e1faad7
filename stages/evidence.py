"""Comparison across datasets as one HTML page, and every table in LaTeX."""

from pathlib import Path

from stages.shell import run


def main() -> None:
    """Write `report/evidence.html` and `report/latex/`, from all of `results/` and `claims/`.

    Includes your own datasets that have results or verdicts.
    """
    from pipeline.analysis import results
    from pipeline.config import params
    from pipeline.evidence import latex, page
    from pipeline.evidence.ranks import ranks
    from pipeline.report.markdown import measurements
    from pipeline.runtime import storage
    from stages import table_hashes

    table_hashes.check(*table_hashes.FOLDERS)
    compare = params.load().compare
    claims = {
        path.parent.name: results.read_table(path)
        for path in sorted(Path("claims").glob("*/claims.csv"))
    }
    compared = [
        results.read(path.parent, figures=False)
        for path in sorted(Path("results").glob("*/table.csv"))
    ]
    html = page.page(claims, compared, compare.confidence, compare.significance)
    storage.write_bytes(Path("report/evidence.html"), html.encode())
    tables = {
        f"{name} {n}" if n else name: table
        for name, block in measurements.blocks(Path("results"), Path("claims"), compare).items()
        for n, table in enumerate(latex.of_markdown(block))
    }
    tables |= {f"tests {one.dataset}": latex.tests(one) for one in compared if one.tests}
    tables["evidence"] = latex.claims(list(claims), page.entries(claims, compare.confidence))
    if found := ranks(compared, compare.significance):
        tables["ranks"] = page.standing(found, compared)
    for name, text in latex.files(tables).items():
        storage.write_bytes(Path("report/latex", name), text.encode())


if __name__ == "__main__":
    run(main)
