"""The period with which a Nose-Hoover thermostat of the mass N_f T tau^2 lets the temperature oscillate."""

from __future__ import annotations

import numpy as np
import pytest

import gasfield
from gasfield.gas import Gas

TAU, PARTICLES, STEP = 1.0, 64, 0.02
KINETIC_ALONE, WITH_A_WELL = np.sqrt(2) * np.pi * TAU, 2 * np.pi * TAU


def period(frequency: float) -> float:
    """Of xi in a harmonic well of a frequency, after a start 1% too hot; all phases of the well are there alike, so
    that without a thermostat kinetic and potential energy would be constant."""
    phases = np.linspace(0.0, 2 * np.pi, PARTICLES, endpoint=False)
    speed = np.sqrt(2.0 * 1.01)
    gas = Gas((speed / frequency * np.cos(phases))[:, None], velocities=(-speed * np.sin(phases))[:, None])
    simulation = gasfield.Simulation(
        gas,
        forces=[{"kind": "harmonic", "stiffness": frequency**2}],
        dynamics={"kind": "nose_hoover", "time_step": STEP, "relaxation_time": TAU, "chain": 1},
        temperature=1.0,
    )
    xi = np.array([simulation.step(1).dynamics.state()["xi"][0, 0] for _ in range(int(4 * WITH_A_WELL / STEP))])
    before = np.flatnonzero(xi[1:] * xi[:-1] < 0)
    crossings = before + xi[before] / (xi[before] - xi[before + 1])
    return float(2 * STEP * np.diff(crossings).mean())


def test_the_kinetic_energy_alone_oscillates_with_sqrt_2_pi_tau() -> None:
    """Up to (frequency tau)^2 = 1e-4 for the force, (h/tau)^2/12 = 3e-5 for the step and 1e-2^2 for the amplitude."""
    assert period(0.01) == pytest.approx(KINETIC_ALONE, rel=3e-4)


def test_potential_energy_that_takes_an_equal_share_makes_it_2_pi_tau() -> None:
    """Up to 1/(frequency tau)^2; the other period is 29% away."""
    found = period(5.0)
    assert found == pytest.approx(WITH_A_WELL, rel=0.04)
    assert abs(found / KINETIC_ALONE - 1) > 0.3
