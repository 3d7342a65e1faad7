"""Simulation of clusters: work is conserved, and bounds hold."""

import pytest

from benchmarks.scale import Costs, Phase, simulate

COSTS = Costs(1.0, start=0.0, node_speed=1e9, inputs=0.0, result=0.0, stopping=1.0)
CHAINS = [(Phase(3, 10),), (Phase(3, 10, 2.0), Phase(3, 10))]


def test_one_core_is_busy_all_the_time() -> None:
    """The time is the sum of all tasks, in turn or together."""
    for together in (True, False):
        assert simulate(CHAINS, 1, 1, COSTS, together=together) == pytest.approx((120, 1))


def test_many_cores_wait_for_the_longest_chain() -> None:
    """Together the longest chain bounds the time, in turn the sum of all phases."""
    assert simulate(CHAINS, 3, 4, COSTS, together=True) == pytest.approx((30, 120 / (30 * 12)))
    assert simulate(CHAINS, 3, 4, COSTS, together=False) == pytest.approx((40, 120 / (40 * 12)))


def test_the_machine_of_the_command_receives_one_network_after_the_other() -> None:
    """Large results bound the time, whatever the number of nodes."""
    slow = Costs(1.0, start=0.0, node_speed=1.0, inputs=0.0, result=50.0, stopping=1.0)
    assert simulate(CHAINS[:1], 16, 16, slow, together=True)[0] == pytest.approx(10 + 3 * 50)
