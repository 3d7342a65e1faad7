"""Compare the arms of one dataset: tables, intervals, paired tests, and data of the figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run

if TYPE_CHECKING:
    from pipeline.analysis.comparison import Outcome
    from pipeline.config.params import Compare


def main(dataset: DatasetName) -> str:
    """Write `results/<dataset>/` from the scores and the chosen networks of its arms."""
    from pipeline.analysis import comparison, protocol
    from pipeline.config import params
    from pipeline.config.arms import arms_of
    from pipeline.data.splits import examples
    from pipeline.evaluation import first_filters
    from pipeline.networks import population
    from pipeline.runtime import storage

    settings = params.load()
    arms = arms_of(settings, dataset)
    files = {arm.key: arm.scores / "records.jsonl" for arm in arms}
    scores = {key: storage.read_lines(file) for key, file in files.items() if file.exists()}
    results = comparison.outcomes(settings, dataset, scores)
    abouts = {arm.key: storage.read_json(arm.scores / "about.json") for arm in arms}
    histories = {arm.key: storage.read_lines(arm.networks / "records.jsonl") for arm in arms}
    filters = {
        one.arm.key: first_filters.filters(
            population.load(one.arm.networks / "weights.safetensors", [comparison.best_seed(one)])
        )
        for one in results
        if not one.failed
    }
    shape = examples.read_encoding(Path("data/ready", dataset, "valid.npz")).shape
    out = Path("results", dataset)  # it may also hold a README.md: file by file, not as a whole
    write_tables(out, results, settings.compare)
    storage.write_bytes(out / "filters.npz", first_filters.as_npz(filters, shape))
    storage.write_json(out / "curves.json", comparison.curves(results, histories))
    storage.write_json(out / "protocol.json", protocol.protocol(settings.compare, results, abouts))
    made = last_line.lowest(results, settings.compare.confidence)
    return last_line.line("compare", dataset, made=made, place=out)


def write_tables(out: Path, results: "Sequence[Outcome]", compare: "Compare") -> None:
    """Write the tables that follow from the scores alone into a folder."""
    from pipeline.analysis import comparison
    from pipeline.runtime import csv_files, storage

    confidence, significance = compare.confidence, compare.significance
    tables = {
        "table": (comparison.TABLE, comparison.table(results, confidence)),
        "runs": (comparison.RUNS, comparison.runs(results)),
        "tests": (comparison.TESTS, comparison.paired_tests(results, confidence, significance)),
    }
    for name, (known, rows) in tables.items():
        content = csv_files.as_csv(comparison.columns(known, rows), rows)
        storage.write_bytes(out / f"{name}.csv", content)
    storage.write_json(out / "errors.json", comparison.errors(results, confidence))
    storage.write_json(out / "metrics.json", comparison.metrics(results, confidence))


if __name__ == "__main__":
    run(main)
