"""Every generated block whose numbers come from results/ and claims/."""

from pathlib import Path

from pipeline.analysis import results
from pipeline.config.params import Compare
from pipeline.report.markdown import readme, reviews, speed
from pipeline.runtime import storage

HEADLINE_DATASETS = ("digits", "mnist")


def blocks(measured: Path, judged: Path, compare: Compare) -> dict[str, str]:
    """Return the blocks by name, from the folders of results (`results/`) and verdicts (`claims/`).

    Blocks whose files are absent are left out.
    """
    content = {**_arms(measured), **_verdicts(judged, compare)}
    for suffix, name in {"": "bench", " on a GPU": "bench-cuda"}.items():
        if (path := measured / f"{name}.json").exists():
            bench = storage.read_json(path)
            content[f"speed{suffix}"] = speed.tables(bench)
            content[f"speed in short{suffix}"] = speed.in_short(bench)
    path = measured / "cost.json"
    if path.exists() and (times := storage.read_json(path).get("cpu")):
        content["steps on texts"] = speed.texts(times)
    return content


def _arms(measured: Path) -> dict[str, str]:
    folders = sorted(path.parent for path in measured.glob("*/table.csv"))
    by_dataset = {folder.name: results.read(folder, figures=False) for folder in folders}
    tables = {f"results {name}": readme.comparison(found) for name, found in by_dataset.items()}
    tables |= {f"order {name}": readme.order(found) for name, found in by_dataset.items()}
    for labels in ("all", "few"):
        if (accuracies := reviews.amazon(by_dataset, few=labels == "few")) is not None:
            tables[f"amazon {labels}"] = accuracies
    for name, suffix in {"amazon-stars": "", "imdb": " imdb"}.items():
        if name in by_dataset:
            tables[f"table 2{suffix}"] = reviews.table_2(by_dataset[name]) or ""
            tables[f"order of table 2{suffix}"] = reviews.order(by_dataset[name]) or ""
    return tables


def _verdicts(judged: Path, compare: Compare) -> dict[str, str]:
    tables = {
        path.parent.name: results.read_table(path) for path in sorted(judged.glob("*/claims.csv"))
    }
    content = {
        f"claims {name}": readme.claims(name, rows, compare) for name, rows in tables.items()
    }
    headline = {name: tables[name] for name in HEADLINE_DATASETS if name in tables}
    if headline:
        content["headlines"] = readme.headlines(headline)
    return content | {"verdicts": readme.counts(tables)}
