"""Training of all arms of a question; files are bitwise equal to those of the stages.

The stages train one arm after another, each in a separate process. This module trains all arms
from one queue.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.analysis.comparison import Outcome, outcomes
from pipeline.config.arms import Arm, arms_of
from pipeline.config.params import Params
from pipeline.data import catalogue
from pipeline.data.download import inventory
from pipeline.evaluation import scoring
from pipeline.finetuning import grid_search
from pipeline.networks import population
from pipeline.pretraining import layerwise
from pipeline.runtime import device, storage
from pipeline.runtime.locks import exclusive
from pipeline.training import checkpoints, trained_networks
from pipeline.training.workers import Workers

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


def prepare(settings: Params, dataset: str, mirror: Path | None = None) -> None:
    """Make the splits of a dataset in the current folder.

    Splits of a user's files are kept while files and options are unchanged; others are made again.
    Raises Problem where the files cannot be used.
    """
    raw, ready = Path("data/raw", dataset), Path("data/ready", dataset)
    made_of = Path("data/made-of", f"{dataset}.json")
    with exclusive(ready):
        catalogue.download(settings, dataset, raw, downloads=Path("data/downloads"), mirror=mirror)
        known, block = raw / inventory.FILE, settings.dataset(dataset)
        content = known.read_text("utf-8") if known.exists() else None
        wanted = {"files": content, "source": block.source, "preprocess": block.preprocess}
        same = made_of.exists() and storage.read_json(made_of) == wanted
        if not (same and content and ready.exists()):
            made_of.unlink(missing_ok=True)
            catalogue.preprocess(
                settings, dataset, raw, ready=ready, results=Path("results", dataset)
            )
            storage.write_json(made_of, wanted)


def train(settings: Params, dataset: str) -> list[Outcome]:
    """Train and score the arms of a dataset in the current folder; return their test scores.

    Networks in the store are not trained again. Writes what the stages pretrain, finetune and
    evaluate write. The test split is read to score the chosen network of each seed, once.
    """
    arms, where = arms_of(settings, dataset), device.choose()
    device.prepare_for_training()
    with exclusive(Path("runs", dataset)):
        for arm in arms:
            _start(arm, settings, where)
        setups = [grid_search.setup_for(arm, settings) for arm in arms]
        files = [setups[0].train, setups[0].valid, *(setup.start for setup in setups)]
        with checkpoints.checkpoint_folder(files, *setups, where) as scratch:
            workers = Workers(where, scratch, f"finetune {dataset}", trained_networks.FOLDER)
            trained = grid_search.finetune_all(setups, workers)
            for arm, setup, (networks, lines) in zip(arms, setups, trained, strict=True):
                about = {"finetune": setup.settings.model_dump(), **trained_networks.about(where)}
                _write(arm.networks, networks, lines, about)
        scores = {arm.key: scoring.score(arm) for arm in arms}
    return outcomes(settings, dataset, scores)


def _start(arm: Arm, settings: Params, where: "torch.device") -> None:
    setup = layerwise.setup_for(arm, settings)
    with checkpoints.checkpoint_folder([setup.train, setup.valid], arm, setup, where) as scratch:
        workers = Workers(where, scratch, f"pretrain {arm.name}", trained_networks.FOLDER)
        networks, lines = layerwise.starting_networks(arm, settings, setup, workers)
        _write(arm.start, networks, lines, layerwise.about(arm, settings))


def _write(
    folder: Path,
    networks: population.Population,
    lines: list[storage.Record],
    about: storage.Record,
) -> None:
    with storage.whole_folder(folder, hashes=True) as out:
        population.save(networks, out / "weights.safetensors")
        storage.write_lines(out / "records.jsonl", lines)
        storage.write_json(out / "about.json", about)
