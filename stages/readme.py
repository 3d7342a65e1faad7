"""Refresh the generated parts of the README files."""

from pathlib import Path

from stages.shell import run


def files() -> list[Path]:
    """Return the README files, that of the root first."""
    folders = [folder.glob("*/README.md") for folder in (Path("results"), Path("claims"))]
    return [Path("README.md"), *(path for found in folders for path in sorted(found))]


def blocks() -> dict[str, str]:
    """Return the content of every generated block by its name."""
    from ruamel.yaml import YAML

    from pipeline.analysis import results
    from pipeline.config import params
    from pipeline.data import overview
    from pipeline.experiments.conditions import catalogue
    from pipeline.report.markdown import readme, sentiment, speed
    from pipeline.runtime import storage

    found = {"stages": readme.stages(YAML(typ="safe", pure=True).load(Path("dvc.yaml"))["stages"])}
    asked = params.load().run.experiments
    questions = {name: catalogue.experiment(name).question for name in asked}
    found["experiments"] = readme.experiments(questions)
    found["datasets"] = readme.datasets(overview.catalogued())
    folders = sorted(path.parent for path in Path("results").glob("*/table.csv"))
    read = {folder.name: results.read(folder, figures=False) for folder in folders}
    found |= {f"results {name}": readme.comparison(each) for name, each in read.items()}
    tables = {
        f"amazon {kind}": sentiment.amazon(read, few=kind == "few") for kind in ("all", "few")
    }
    if "amazon-stars" in read:
        tables["table 2"] = sentiment.table_2(read["amazon-stars"])
    found |= {name: table for name, table in tables.items() if table is not None}
    for judged in sorted(Path("claims").glob("*/claims.csv")):
        name, rows = judged.parent.name, results.read_table(judged)
        found[f"claims {name}"] = readme.claims(name, rows, params.load().compare)
        found[f"verdicts {name}"] = readme.claims_in_short(name, rows)
    for block, name in {"speed": "bench", "speed on a GPU": "bench-cuda"}.items():
        if (bench := Path(f"results/{name}.json")).exists():
            found[block] = speed.tables(storage.read_json(bench))
    if (cost := Path("results/cost.json")).exists():
        measured = storage.read_json(cost)["cpu"]
        if "texts" in measured:
            found["steps on texts"] = speed.texts(measured)
    return found


def main() -> None:
    """Write the tables of results/ and the stages of dvc.yaml into the README files."""
    from pipeline.report.markdown import readme
    from pipeline.runtime import storage

    found = blocks()
    for path in files():
        storage.write_bytes(path, readme.refresh(path.read_text(), found).encode())


if __name__ == "__main__":
    run(main)
