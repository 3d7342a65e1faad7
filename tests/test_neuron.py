"""Integrate-and-fire rates and fits to them, against simulation and random search."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pipeline.networks.activations import functions
from pipeline.networks.activations.units import Units
from pipeline.probes import neuron
from pipeline.probes.neuron import CORTICAL, Neuron
from pipeline.runtime.errors import Problem

TIRED = replace(CORTICAL, refractory_ms=2.0)
OTHER = Neuron(-70, -80, -54, tau_ms=20, resistance_megaohm=10, refractory_ms=1.0)


@pytest.mark.parametrize("cell", [CORTICAL, TIRED, OTHER])
@pytest.mark.parametrize("times", [1.01, 1.5, 4.0])
def test_rate_is_that_of_the_simulated_membrane(cell: Neuron, times: float) -> None:
    """The rate is 1 over the simulated time from V_r to V_th plus the refractory period."""
    current = times * cell.current(cell.threshold_mv)
    driven = cell.rest_mv + cell.resistance_megaohm * current

    def spike(_: float, v: np.ndarray) -> float:
        return float(v[0] - cell.threshold_mv)

    spike.terminal = True
    run = solve_ivp(
        lambda _, v: (driven - v) / cell.tau_ms,
        (0, 1000), [cell.reset_mv], events=spike, rtol=1e-10, atol=1e-10,
    )  # fmt: skip
    period = run.t_events[0][0] + cell.refractory_ms
    assert cell.rate(np.array(current)) == pytest.approx(1000 / period, rel=1e-6)


def test_silent_up_to_the_threshold() -> None:
    """The rate is 0 for currents that hold the membrane below V_th, and positive right above."""
    most = CORTICAL.current(CORTICAL.threshold_mv)
    assert most == pytest.approx(15 / 90)
    assert (CORTICAL.rate(np.array([-1.0, 0.0, most / 2])) == 0).all()
    assert CORTICAL.rate(np.array(most + 1e-9)) > 0


@pytest.mark.parametrize("cell", [CORTICAL, TIRED, OTHER])
def test_current_for_a_rate_gives_that_rate(cell: Neuron) -> None:
    """`current_for` inverts `rate`; a rate above 1 / t_ref is refused."""
    for rate in (10.0, 50.0, 200.0):
        assert cell.rate(np.array(cell.current_for(rate))) == pytest.approx(rate)
    with pytest.raises(Problem, match="2 ms allows no 500 Hz: use less than 500 Hz"):
        TIRED.current_for(500)


@pytest.mark.parametrize("name", sorted({*neuron.SHAPES} & {*functions.FUNCTIONS}))
def test_shapes_are_the_units_of_the_networks(name: str) -> None:
    """The functions fitted equal those of trained networks."""
    z = torch.linspace(-5, 5, 41, dtype=torch.float64)
    expected = Units(functions.function(name), torch.ones(1, 1, 1)).apply_(z.clone().view(1, 1, -1))
    np.testing.assert_allclose(neuron.SHAPES[name](z.numpy()), expected[0, 0], atol=1e-12)
    assert {"rectifier", "softplus", "tanh"} <= {*neuron.SHAPES} & {*functions.FUNCTIONS}


@pytest.mark.parametrize("name", neuron.SHAPES)
def test_planted_parameters_are_found(name: str) -> None:
    """A fit recovers the parameters of a curve that was computed from the function."""
    current = np.linspace(-0.2, 0.9, 301)
    gain = 1.0 if name == "rectifier" else 7.0
    fit = neuron.fit(name, current, 80 * neuron.SHAPES[name](gain * (current - 0.3)))
    found = (fit.scale_hz, fit.gain_per_na, fit.threshold_na)
    assert found == pytest.approx((80, gain, 0.3), rel=1e-3)
    assert fit.misfit < 1e-5


@pytest.mark.parametrize("cell", [CORTICAL, replace(CORTICAL, refractory_ms=4)])
def test_nothing_fits_better(cell: Neuron) -> None:
    """No other of 2000 random gains and thresholds, with its best scale, has a lower misfit."""
    draws = np.random.default_rng(0)
    drawn = neuron.curve(cell, 100.0)
    span = np.ptp(drawn.current_N)
    for name, fit in drawn.fits.items():
        errors = drawn.fitted()[name] - drawn.rate_N
        assert fit.misfit == pytest.approx(np.sqrt(np.mean(errors**2)) / 100)
        gains = np.exp(draws.uniform(*np.log(neuron.GAINS), 2000))[:, None] / span
        thresholds = draws.uniform(-0.5, 1, 2000)[:, None] * span + drawn.current_N[0]
        g = neuron.SHAPES[name](gains * (drawn.current_N - thresholds))
        scales = g @ drawn.rate_N / np.maximum((g * g).sum(1), 1e-300)
        misfits = np.sqrt(np.mean((scales[:, None] * g - drawn.rate_N) ** 2, axis=1)) / 100
        assert fit.misfit <= misfits.min() + 1e-9
        assert misfits.min() < fit.misfit + 0.005


def test_resistance_is_but_a_unit() -> None:
    """Ten times the resistance divides currents by ten and leaves misfits unchanged."""
    thick, thin = (neuron.curve(replace(TIRED, resistance_megaohm=r), 50.0).fits for r in (90, 900))
    for name, fit in thick.items():
        assert thin[name].misfit == pytest.approx(fit.misfit, rel=1e-6)
        assert thin[name].threshold_na == pytest.approx(fit.threshold_na / 10, rel=1e-4)


def test_rows_are_complete_and_repeat() -> None:
    """There is one row for each function, period and range; a second call gives equal rows."""
    periods, rates = (0.0, 4.0), (50.0, 200.0)
    found = neuron.rows(refractory_ms=periods, most_rates_hz=rates)
    assert found == neuron.rows(refractory_ms=periods, most_rates_hz=rates)
    keys = {tuple(row.values())[:4] for row in found}
    assert len(keys) == len(found) == 4 * 2 * 2 * 2
    assert all([*row] == neuron.COLUMNS for row in found)
    assert all(0 < row["misfit"] < 0.3 for row in found)


def test_the_nearest_function_depends_on_the_refractory_period() -> None:
    """Without a refractory period the rectifier is nearest; near the limit rate it is tanh."""

    def nearest(cell: Neuron) -> str:
        fits = neuron.curve(cell, 200.0).fits
        return min(("rectifier", "tanh", "sigmoid"), key=lambda name: fits[name].misfit)

    assert nearest(CORTICAL) == "rectifier"
    assert nearest(replace(CORTICAL, refractory_ms=4.0)) == "tanh"
