"""Registry of models: the best arm of a dataset, a version with the alias `champion`.

The best arm has the lowest mean validation error over seeds (for ratings: RMSE; ties: cost). The
registered version is its network with the lowest validation error. The test split is not used.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.analysis import statistics
from pipeline.config.arms import Arm, arms_of
from pipeline.config.params import Params
from pipeline.runtime.errors import Problem
from pipeline.runtime.storage import Record
from pipeline.tracking import finished_arm, store
from pipeline.tracking.finished_arm import FinishedArm

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ALIAS = "champion"


def best(dataset: str, settings: Params) -> Arm:
    """Return the arm that is best on validation, the first of equals.

    Raises Problem where no arm is finished, or all of them failed.
    """
    arms = [arm for arm in arms_of(settings, dataset) if finished_arm.finished(arm, settings)]
    finished = [finished_arm.read(arm, settings) for arm in arms]
    candidates = [one for one in finished if not one.outcome.failed]
    if not candidates:
        raise Problem(f"{dataset} has no finished arm to register: run `python -m stages repro`")
    return min(candidates, key=_rank).arm


def _rank(finished: FinishedArm) -> tuple[float, float]:
    records = finished.scores
    criterion = "valid_rmse" if "valid_rmse" in records[0] else "valid_error"
    return _mean(records, criterion), _mean(records, "valid_cost")


def _mean(records: Sequence[Record], name: str) -> float:
    return statistics.mean([record[name] for record in records])


def register(dataset: str, settings: Params, *, uri: str) -> tuple[Arm, bool]:
    """Give the model of the best arm's current run the alias; return the arm, and whether its
    version is new.

    The registered model has the dataset's name. Machines that register at the same moment may each
    add a version of one run: the lowest number stays, all of them delete the others. Raises
    Unreachable where the store fails, and Problem where it has no run of the arm.
    """
    arm = best(dataset, settings)
    with store.opened(uri) as client:
        run = _current(client, arm)
        _create(client, arm.dataset)
        created = None
        if not (known := _versions(client, run, arm)):
            created = _add(client, run, arm)
            known = _versions(client, run, arm)
        version, *duplicates = known
        aliases = client.get_registered_model(arm.dataset).aliases
        if str(aliases.get(ALIAS)) != version:  # an integer in sqlite
            client.set_registered_model_alias(arm.dataset, ALIAS, version)
        for duplicate in duplicates:
            _delete(client, arm, duplicate)
        return arm, version == created


def _current(client: "MlflowClient", arm: Arm) -> "Run":
    experiment = client.get_experiment_by_name(arm.dataset)
    where = f"tags.kind = 'arm' and tags.arm = '{arm.name}' and tags.current = 'true'"
    runs = client.search_runs([experiment.experiment_id], where) if experiment else []
    if not runs:
        raise Problem(f"MLflow has no run of {arm.name}: run `python -m stages track`")
    return runs[0]


def _versions(client: "MlflowClient", run: "Run", arm: Arm) -> list[str]:
    """Return the versions of an arm's registered model that are a run's, lowest number first."""
    known = client.search_model_versions(f"name = '{arm.dataset}'")
    return sorted((str(v.version) for v in known if v.run_id == run.info.run_id), key=int)


def _add(client: "MlflowClient", run: "Run", arm: Arm) -> str:
    """Add the model of a run as a version of the arm's registered model; return its number."""
    assert run.outputs is not None  # an arm that is FINISHED has logged its model
    (model,) = run.outputs.model_outputs
    address, tags = f"models:/{model.model_id}", {"arm": arm.name}
    made = client.create_model_version(
        arm.dataset, address, run.info.run_id, tags, model_id=model.model_id
    )
    return str(made.version)


def _delete(client: "MlflowClient", arm: Arm, version: str) -> None:
    """Delete a version, unless another machine did."""
    from mlflow.exceptions import MlflowException

    try:
        client.delete_model_version(arm.dataset, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _create(client: "MlflowClient", name: str) -> None:
    """Create a registered model, unless it is there; another machine may create it meanwhile."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
