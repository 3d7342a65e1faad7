"""Store of trained networks: each network is trained once, in whatever company."""

import filecmp
import os
import shutil
import time
from importlib import import_module
from pathlib import Path

import joblib
import pytest
import torch

from pipeline.config.arms import Arm
from pipeline.networks.arithmetic import running
from pipeline.training import trained_networks, workers
from tests import committed
from tests.killed import Killed, count_epochs, kill_after_checkpoint

ARM = Arm("digits", "rectifier", "pretrained")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Run in an empty folder with a small params.yaml; collects networks per trained epoch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    set_params(seeds=2)
    for stage in ("download", "preprocess"):
        import_module(f"stages.{stage}").main("digits")
    return count_epochs(monkeypatch)


def set_params(*, seeds: int, rates: tuple[float, ...] = (0.1, 0.01), **of_run: list[str]) -> None:
    params = committed.content()
    params["run"] |= {"seeds": seeds, **of_run}
    params["datasets"]["digits"]["network"]["hidden"] = [12, 10]
    for phase in ("pretrain", "finetune"):
        params["datasets"]["digits"][phase] = {
            "epochs": 3, "patience": 3, "learning_rates": [*rates],
        }  # fmt: skip
    committed.write(params)


def run(*stages: str) -> None:
    for stage in stages or ("pretrain", "finetune"):
        import_module(f"stages.{stage}").main(ARM.dataset, ARM.activation, ARM.initialization)


def outputs(name: str) -> Path:
    """Move the outputs of the stages to a folder of that name."""
    for folder in (ARM.start, ARM.networks):
        shutil.move(folder, Path(name, folder))
    return Path(name)


def assert_same_files(one: Path, other: Path) -> None:
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert len(files) == 8
    assert filecmp.cmpfiles(one, other, files, shallow=False) == (files, [], [])


def test_more_seeds_train_the_new_ones(trained: list[int]) -> None:
    """Three seeds after two train a third of the networks, to the bytes of three from nothing."""
    run()
    outputs("two")
    trained.clear()
    set_params(seeds=3)
    run()
    of_one_seed = 3 * 2 * 3  # two layers and fine-tuning, rates, epochs
    assert sum(trained) == of_one_seed
    added = outputs("added")
    shutil.rmtree(trained_networks.FOLDER)
    trained.clear()
    run()
    assert sum(trained) == 3 * of_one_seed
    assert_same_files(added, outputs("whole"))


def test_a_network_in_use_is_no_new_file(tmp_path: Path) -> None:
    """A file that was deleted meanwhile is not replaced by an empty one."""
    with pytest.raises(FileNotFoundError):
        trained_networks.mark_used([tmp_path / "network"])
    assert not any(tmp_path.iterdir())


def test_one_more_learning_rate_trains_one_more(trained: list[int]) -> None:
    """A rate added to the grid of fine-tuning trains one network per seed."""
    run()
    trained.clear()
    params = committed.content(Path("params.yaml"))
    params["datasets"]["digits"]["finetune"]["learning_rates"].append(0.05)
    committed.write(params)
    run()
    assert sum(trained) == 2 * 3


def test_another_number_of_cores_continues(
    trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in one population of all networks, continued with each alone: the same bytes."""
    run()
    whole = outputs("whole")
    epochs = sum(trained)
    shutil.rmtree(trained_networks.FOLDER)
    monkeypatch.setattr("pipeline.training.loop.CHECKPOINT_SECONDS", -1)
    trained.clear()
    with monkeypatch.context() as patch:
        kill_after_checkpoint(patch, lambda: len(trained) == 8)  # epoch 2 of fine-tuning
        with pytest.raises(Killed):
            run()
    monkeypatch.setattr(workers, "CACHE_BYTES", 1)
    run("finetune")
    assert sum(trained) == epochs
    assert_same_files(whole, outputs("continued"))


def test_changed_code_of_training_trains_again(
    trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks of other code are not used; `unused` lists them after some days."""
    run()
    trained.clear()
    run()
    assert sum(trained) == 0
    monkeypatch.setattr(trained_networks, "code", lambda: "changed")
    old = sorted(trained_networks.FOLDER.iterdir())
    for file in old:
        os.utime(file, (time.time() - 3e5, time.time() - 3e5))
    run()
    assert sum(trained) == 2 * 3 * 2 * 3
    assert trained_networks.unused(days=3) == old
    assert trained_networks.unused(days=4) == []


def test_missing_kernels_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of plain torch are named as such, and never taken for those of the kernels."""
    where = torch.device("cpu")
    assert trained_networks.about(where)["device"] == "cpu"
    codes = [trained_networks.code()]
    monkeypatch.setattr(running, "compiled_kernels", lambda: None)
    trained_networks.code.cache_clear()
    assert trained_networks.about(where)["device"] == "cpu (torch, without compiled kernels)"
    codes.append(trained_networks.code())
    trained_networks.code.cache_clear()
    assert codes[0] != codes[1]
