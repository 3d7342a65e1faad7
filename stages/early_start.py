"""Start of the training processes while a stage imports torch."""

import os


def start_processes(networks: int) -> None:
    """Start the processes that will train so many networks; none with RUNNER=ray or DEVICE=cuda.

    With DEVICE=auto they are started even where a GPU is found later. The environment is read here
    since `pipeline.runtime.device`, which checks it, imports torch.
    """
    from pipeline.training import processes

    if os.environ.get("RUNNER", "local") == "local" and os.environ.get("DEVICE") != "cuda":
        processes.start_early(networks)
