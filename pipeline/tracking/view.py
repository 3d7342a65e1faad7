"""The view of an experiment that MLflow's pages open with: the current runs, best first.

MLflow's own table starts without a single metric. A view that is shared there is a tag of the
experiment; ours is at `#/experiments/<id>/runs?viewStateShareKey=arms`, with
`&compareRunsMode=CHART` as charts. A page that does not know the tag ignores it.
"""

import json

TAG = "mlflow.sharedViewState.arms"
METRICS = [
    "test_error_mean",
    "zeros_mean",
    "test_error_low",
    "test_error_high",
    "valid_error_mean",
    "dead_units_mean",
    "seeds",
]
NAME = "attributes.`Run Name`"
PAGE = "#/experiments/{}/runs?viewStateShareKey=arms&workflowType=machine_learning"


def page(experiment: str) -> str:
    """Return the part of an address that opens the view of the experiment with this id."""
    return PAGE.format(experiment)


def arms() -> str:
    """Return the view of a dataset's arms and baselines as the value of its tag."""
    return _view("tags.kind != 'seed'")


def conditions() -> str:
    """Return the view of an experiment's conditions as the value of its tag."""
    return _view("tags.kind = 'condition'")


def _view(kinds: str) -> str:
    columns = [f"metrics.`{name}`" for name in METRICS]
    return json.dumps(
        {
            "searchFilter": f"{kinds} and tags.current = 'true'",
            "orderByKey": columns[0],
            "orderByAsc": True,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "modelVersionFilter": "All Runs",
            "datasetsFilter": [],
            "selectedColumns": columns,
            "columnOrder": [NAME, *columns],
            "columnWidths": {NAME: 270} | dict.fromkeys(columns, 140),  # pixels
        }
    )
