"""Judge the claims on a dataset."""

from pathlib import Path

from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> None:
    """Write `claims/<dataset>/claims.csv`: every claim, with its verdict, from the tables here.

    They are those of the arms (`results/<dataset>`), of whatever experiments and probes were run,
    and of times (`results/cost.json`). A claim that lacks its records is undecided, and says so.
    """
    from pipeline import params, records
    from pipeline.analysis import claim, comparison, groups, groups_of_cost, tables, verdicts
    from pipeline.analysis.claims_of_texts import RATINGS
    from pipeline.analysis.results import read_table
    from pipeline.errors import Problem

    settings = params.load()
    settings.dataset(dataset)  # a slip in the name is an error, not a dataset without records
    compare = settings.compare
    found, arms = {}, Path("results", dataset)
    if (runs := arms / "runs.csv").exists():
        protocol = records.read_json(arms / "protocol.json")
        examples = {"test_examples": protocol["test_examples"]}
        found[claim.ARMS] = groups.arms([row | examples for row in read_table(runs)])
        if protocol.get("measure") == "rmse":
            found[RATINGS] = found[claim.ARMS]
        for key, arm in found[claim.ARMS].items():
            if len(arm.rows) != protocol["seeds"]:
                raise Problem(
                    f"{runs} has {len(arm.rows)} of {protocol['seeds']} runs of {key}:"
                    f" run `python -m stages.compare {dataset}`"
                )
    folder = Path("claims", dataset)
    for table in sorted(folder.glob("records/*.csv")):
        name = table.stem
        found[name] = tables.groups_of(name, read_table(table))
    if (cost := Path("results/cost.json")).exists():
        for device, times in records.read_json(cost).items():
            found[f"cost on {device}"] = groups_of_cost.groups(times)
    judged = verdicts.judge(
        dataset, found, confidence=compare.confidence, significance=compare.significance
    )
    records.write_bytes(folder / "claims.csv", comparison.as_csv(verdicts.VERDICTS, judged))


if __name__ == "__main__":
    run(main)
