"""Sort key of a trained network; lower is better."""

from pipeline.runtime.storage import Record


def rank(record: Record) -> tuple[float, float, int]:
    """Return what tells the better of two seeds' chosen networks, by their records: the lower one.

    The validation error, or of ratings its RMSE, then the validation cost, then the seed.
    """
    error = record["valid_rmse"] if "valid_rmse" in record else record["valid_error"]
    return error, record["valid_cost"], record["seed"]
