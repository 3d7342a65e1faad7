"""This project's engine, as the pipeline runs it: a process on each core, or one GPU."""

import time

import joblib
import torch
from torch import Tensor

from benchmarks.task import BATCH, L1, RATE, AbsentError, Stepping, Task, Trainer, flat
from pipeline.finetuning.supervised_steps import SupervisedSteps
from pipeline.networks.arithmetic import team
from pipeline.networks.kernels.gpu import graphs
from pipeline.networks.population import Population
from pipeline.networks.step import Step
from pipeline.runtime import device
from pipeline.training import workers

EPOCH_STEPS = {
    64: 100,
    784: 5000,
}  # by number of inputs: those of digits and MNIST, for CUDA graphs
SET_UP_SECONDS = 0.25  # before the clock starts, for the processes to draw their weights


def start(task: Task) -> Trainer:
    """Return the engine on the task's device."""
    return Processes(task) if task.device == "cpu" else Played(task)


class Resident(Stepping):
    """The networks as one stack in this process."""

    def __init__(self, task: Task, which: slice | None = None) -> None:
        """Put the weights of the networks `which`, by default of all, on the device."""
        device.prepare_for_training()
        super().__init__(task, threads=1)
        self.which = which or self.which
        K = self.which.stop - self.which.start
        self.stack = task.start(self.which.start, K).to(torch.device(task.device))
        rates_K = torch.full((K,), RATE, device=task.device)
        size = Step.of(rates_K, torch.full_like(rates_K, L1), BATCH)
        self.supervised = SupervisedSteps(self.stack, size)

    def step(self, rows_KB: Tensor) -> None:
        """Take one step of every network."""
        self.supervised.take_(self.x_NI[rows_KB], self.y_N[rows_KB])

    def tensors(self) -> list[Tensor]:
        """Return weights and biases."""
        return list(self.stack.tensors.values())

    def weights(self) -> dict[int, Tensor]:
        """Return the weights of the first network and of the last."""
        first, K = self.which.start, len(self.stack)
        return {first + k: weights_of(self.stack, k) for k in {0, K - 1}}


class Played(Resident):
    """The networks as one stack on a GPU, their steps recorded as the pipeline records them."""

    def __init__(self, task: Task) -> None:
        """Choose how many steps are recorded together; recording is at the first steps."""
        if task.device == "cpu":
            raise AbsentError("CUDA graphs need a GPU")
        super().__init__(task)
        many = graphs.steps_per_graph(EPOCH_STEPS.get(task.widths[0], 1))
        self.recorded = graphs.RecordedSteps(self.step, many)

    def steps(self, rows_SKB: Tensor) -> None:
        """Take a step on each of the mini-batches [S, K, B], by replay where possible."""
        self.recorded.take((rows_KB,) for rows_KB in rows_SKB)


def weights_of(stack: Population, k: int) -> Tensor:
    """Return the weights of network k, flat."""
    return flat([stack.W_KIO(layer)[k] for layer in range(stack.depth + 1)])


class Processes:
    """A process on each core, with a share of the networks, divided as the pipeline divides them.

    A run trains the first share of every process from its start; further shares would wait.
    """

    def __init__(self, task: Task) -> None:
        """Divide the networks into shares."""
        self.task, self.steps = task, 0
        cores = joblib.cpu_count()
        populations = workers.split_networks(
            [*range(task.networks)], 4 * task.weights, torch.device("cpu"), cores
        )
        self.sizes = [len(networks) for networks in populations][:cores]
        self.threads = cores // len(self.sizes)  # of a process

    def train(self, steps: int) -> tuple[int, float]:
        """Train, timed from the first start to the last end of a process."""
        self.steps = steps
        spans = [span for _, span in self._run(steps)]
        seconds = max(end for _, end in spans) - min(start for start, _ in spans)
        return sum(self.sizes) * steps, seconds

    def weights(self) -> dict[int, Tensor]:
        """Return the weights of some networks of each process, trained again as in the last run."""
        return {k: W for weights, _ in self._run(self.steps) for k, W in weights.items()}

    def _run(self, steps: int) -> list["Run"]:
        begin = time.monotonic() + SET_UP_SECONDS
        firsts = [sum(self.sizes[:row]) for row in range(len(self.sizes))]
        with joblib.parallel_config("loky", n_jobs=len(firsts), inner_max_num_threads=1):
            return list(
                joblib.Parallel()(
                    joblib.delayed(_train)(
                        self.task, slice(first, first + K), steps, begin=begin, threads=self.threads
                    )
                    for first, K in zip(firsts, self.sizes, strict=True)
                )
            )


Run = tuple[dict[int, Tensor], tuple[float, float]]  # weights; first and last moment at work


def _train(task: Task, which: slice, steps: int, *, begin: float, threads: int) -> Run:
    team.use(threads)
    trainer = Resident(task, which)
    rows_SKB = trainer.rows_SKB(0, steps)
    time.sleep(max(0.0, begin - time.monotonic()))  # all processes begin together
    start = time.monotonic()
    for rows_KB in rows_SKB:
        trainer.step(rows_KB)
    return trainer.weights(), (start, time.monotonic())
