"""Compare the arms of one dataset: tables, intervals, paired tests, and what the figures show."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Write `results/<dataset>/` from the scores and the chosen networks of its arms."""
    from pipeline import networks, params, records
    from pipeline.analysis import comparison, conditions, exhibits
    from pipeline.arms import arms_of
    from pipeline.datasets import examples

    settings = params.load()
    confidence, significance = settings.compare.confidence, settings.compare.significance
    arms = arms_of(settings, dataset)
    files = {arm.key: arm.scores / "records.jsonl" for arm in arms}
    scores = {key: records.read_lines(file) for key, file in files.items() if file.exists()}
    results = comparison.outcomes(settings, dataset, scores)
    abouts = {arm.key: records.read_json(arm.scores / "about.json") for arm in arms}
    histories = {arm.key: records.read_lines(arm.networks / "records.jsonl") for arm in arms}
    filters = {
        outcome.arm.key: exhibits.filters(
            networks.load(
                outcome.arm.networks / "weights.safetensors", [exhibits.best_seed(outcome)]
            )
        )
        for outcome in results
        if not outcome.failed
    }
    shape = examples.read_form(Path("data/ready", dataset, "valid.npz")).shape
    out = Path("results", dataset)  # it may also hold a README.md: file by file, not as a whole
    tables = {
        "table": (comparison.TABLE, comparison.table(results, confidence)),
        "runs": (comparison.RUNS, comparison.runs(results)),
        "tests": (comparison.TESTS, comparison.paired_tests(results, confidence, significance)),
    }
    for name, (known, rows) in tables.items():
        content = comparison.as_csv(comparison.columns(known, rows), rows)
        records.write_bytes(out / f"{name}.csv", content)
    records.write_bytes(out / "filters.npz", exhibits.as_npz(filters, shape))
    records.write_json(out / "errors.json", comparison.errors(results, confidence))
    records.write_json(out / "curves.json", exhibits.curves(results, histories))
    records.write_json(
        out / "protocol.json", conditions.protocol(settings.compare, results, abouts)
    )
    records.write_json(out / "metrics.json", comparison.metrics(results, confidence))


if __name__ == "__main__":
    run(main)
