"""Train, validation and test splits of one dataset."""

from pathlib import Path

from stages import last_line
from stages.arguments import DatasetName
from stages.shell import run


def main(dataset: DatasetName) -> str:
    """Build the splits `data/ready/<dataset>/*.npz`, and the dataset's card in results/."""
    from pipeline.config import params
    from pipeline.data import catalogue
    from pipeline.runtime import storage
    from pipeline.runtime.locks import exclusive

    settings = params.load()
    ready, results = Path("data/ready", dataset), Path("results", dataset)
    with exclusive(ready):
        catalogue.preprocess(
            settings, dataset, Path("data/raw", dataset), ready=ready, results=results
        )
    sizes = storage.read_json(results / "card.json")["splits"].items()
    made = ", ".join(f"{part} {split['examples']:,}" for part, split in sizes)
    return last_line.line("preprocess", dataset, made=f"examples: {made}", place=ready)


if __name__ == "__main__":
    run(main)
