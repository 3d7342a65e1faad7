"""Choice of the runner by the environment variable RUNNER."""

from pipeline.runtime import device
from pipeline.runtime.errors import Problem
from pipeline.training.local_runner import LocalRunner
from pipeline.training.task import Runner


def choose() -> Runner:
    """Return the runner that RUNNER selects. Raises Problem where Ray is chosen and absent."""
    if device.runner() == "local":
        return LocalRunner()
    try:
        from pipeline.training.ray_runner import RayRunner
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise Problem("RUNNER=ray needs Ray: pip install -e '.[ray]'") from error
    return RayRunner(device.shared_checkpoints())
