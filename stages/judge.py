"""Judge the claims on a dataset."""

from collections import Counter
from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> str:
    """Write `claims/<dataset>/claims.csv`: every claim with its verdict, from the tables on disk.

    The tables are those of the arms (`results/<dataset>`), of the experiments and probes that were
    run, and of times (`results/cost.json`). A claim without records is undecided, with the reason.
    """
    from pipeline.claims import records, verdicts
    from pipeline.config import params
    from pipeline.runtime import csv_files, storage
    from stages import table_hashes

    settings = params.load()
    settings.dataset(dataset)  # a misspelled name is an error, not a dataset without records
    table_hashes.check(f"results/{dataset}", f"claims/{dataset}/records", "results/cost.json")
    judged = verdicts.judge(
        dataset,
        records.read(dataset),
        confidence=settings.compare.confidence,
        significance=settings.compare.significance,
    )
    folder = Path("claims", dataset)
    storage.write_bytes(folder / "claims.csv", csv_files.as_csv(verdicts.COLUMNS, judged))
    tables = sorted(folder.glob("**/*.csv"))
    hashes = {path.as_posix(): storage.digest(path) for path in tables}
    storage.write_json(Path("runs/verdicts", f"{dataset}.json"), hashes)
    counts = Counter(row["verdict"] for row in judged)
    made = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    return last_line.line("judge", dataset, made=f"claims {made}", place=folder / "claims.csv")


if __name__ == "__main__":
    run(main)
