"""Simulation of training on a cluster: hours and busy share, from measured times of net-steps.

Tasks start in the order of their queue, each on the first free core. Networks of a phase start when
the previous phase of their chain has ended: layer after layer of pre-training, then fine-tuning.
Fractions of epochs at early stopping are spread evenly. Generating NISTP's images takes no time.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MB = 1e6
STEPS_MNIST = 50_000 // 10  # an epoch's
STEPS_NISTP = 81_920_000 // 10  # of a whole phase


@dataclass(frozen=True)
class Phase:
    """Networks that train side by side, each alone on a core."""

    networks: int
    net_steps: int  # of a network that does not stop early
    weight: float = 1.0  # time of a net-step, in those of a whole network


@dataclass(frozen=True)
class Costs:
    """Measured times; seconds but for the speeds, which are in bytes a second."""

    net_step: float
    start: float  # of the processes of a command
    node_speed: float  # of the network between nodes
    inputs: float  # bytes
    result: float = 11.2 * MB  # bytes of a network of 784-1000-1000-1000-10
    stopping: float = 0.5  # share of the steps of the network that stops first


Chain = tuple[Phase, ...]  # phases of an arm, one after the other
LAYERS = (0.6, 0.8, 0.9)  # multiplications of two matrices, and of the layers below, forward


def _arms(steps: int, epochs: tuple[int, int], seeds: int, rates: int = 4) -> list[Chain]:
    """Return the chains of Table 1's column: three activations, random and pre-trained."""
    fine = Phase(seeds * rates, steps * epochs[1])
    pretrained = [Phase(seeds * rates, steps * epochs[0], weight) for weight in LAYERS]
    return [chain for _ in range(3) for chain in ((fine,), (*pretrained, fine))]


def workloads(seeds: int) -> dict[str, list[Chain]]:
    """Return the column of MNIST, that of NISTP, and Figure 3, as the paper trained them."""
    return {
        "MNIST, six arms": _arms(STEPS_MNIST, (30, 100), seeds),
        "NISTP, six arms": _arms(STEPS_NISTP, (1, 1), seeds),
        "Figure 3": [(Phase(40 * seeds, 100 * STEPS_MNIST),)],
    }


def simulate(
    chains: Sequence[Chain], cores: int, nodes: int, costs: Costs, *, together: bool
) -> tuple[float, float]:
    """Return seconds, and the busy share of the cores, with all chains together or in turn."""
    groups = [[*chains]] if together else [[(phase,)] for chain in chains for phase in chain]
    seconds = busy = 0.0
    for group in groups:
        ended, worked = _run(group, cores * nodes, nodes, costs)
        seconds, busy = seconds + ended, busy + worked
    return seconds, busy / (seconds * cores * nodes)


def _run(chains: Sequence[Chain], slots: int, nodes: int, costs: Costs) -> tuple[float, float]:
    """Return the end of chains that start together, and the seconds that cores worked."""
    copies = np.ceil(np.log2(nodes + 1)) * costs.inputs / costs.node_speed  # a tree of copies
    free, order = [0.0] * slots, np.random.default_rng(0)
    sending = busy = 0.0  # the main machine receives one network after the other
    ready = [(costs.start + copies, number, 0) for number in range(len(chains))]
    while ready:
        begin, number, position = heapq.heappop(ready)
        phase, end = chains[number][position], begin
        for length in order.permutation(np.linspace(costs.stopping, 1, phase.networks)):
            task = float(length) * phase.net_steps * phase.weight * costs.net_step
            done = max(begin, heapq.heappop(free)) + task
            heapq.heappush(free, done)
            sending = max(sending, done) + costs.result / costs.node_speed
            end, busy = max(end, sending), busy + task
        if position + 1 < len(chains[number]):
            heapq.heappush(ready, (end + costs.start, number, position + 1))
    return max(*free, sending), busy
