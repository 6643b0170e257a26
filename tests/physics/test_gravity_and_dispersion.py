"""Two masses between attraction and "dark energy": the balance radius, why nothing at rest breathes there, and the
frequency of a pair that turns.

For a pair at -R and R with G = m = 1: attraction g(R) = 2 R/(4 R^2 + s^2)^(3/2), push L R. Balance is at

    (4 R0^2 + s^2)^(3/2) = 2/L,    and there   d(L R - g)/dR = 12 R0^2 L/(4 R0^2 + s^2) > 0:

distances grow away from it as exp(k t), k the root of that, as in Einstein's static universe (Eddington, 1930). A pair
that turns by w = sqrt(g/R - L) swings about R with W^2 = 3 w^2 - L + g'(R).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from gasfield.gas import Gas
from gasfield.simulation import Simulation

L, S = 0.25, 0.5
R0 = 0.5 * np.sqrt((2 / L) ** (2 / 3) - S**2)


def attraction(r: float) -> float:
    return 2 * r / (4 * r**2 + S**2) ** 1.5


def slope_of_attraction(r: float) -> float:
    return 2 * (S**2 - 8 * r**2) / (4 * r**2 + S**2) ** 2.5


def pair(radius: float, turning: float = 0.0, time_step: float = 0.01) -> Simulation:
    forces = [{"kind": "gravity", "softening": S}, {"kind": "dispersion", "rate": L}]
    places = np.array([[radius, 0.0], [-radius, 0.0]])
    velocities = turning * radius * np.array([[0.0, 1.0], [0.0, -1.0]])
    return Simulation(
        Gas(places, velocities=velocities), dynamics={"kind": "newton", "time_step": time_step}, forces=forces, seed=1
    )


def radii(run: Simulation, frames: int, every: int) -> np.ndarray:
    return run.sample(frames, every, lambda gas: np.linalg.norm(gas.positions[0]))


def test_balance_radius() -> None:
    """No force there; inwards inside, outwards outside."""
    run = pair(R0)
    np.testing.assert_allclose(run.forces.force(run.gas), 0.0, atol=1e-15)
    for radius, sign in ((0.99 * R0, -1), (1.01 * R0, 1)):
        run = pair(radius)
        assert sign * run.forces.force(run.gas)[0, 0] > 1e-3


@pytest.mark.parametrize("sign", [-1, 1])
def test_balance_is_unstable_as_einsteins_static_universe(sign: int) -> None:
    """R - R0 = d cosh(k t): to d^2 in the departure, 1e-3 of it here, and h^2 in the scheme."""
    rate = np.sqrt(12 * R0**2 * L / (4 * R0**2 + S**2))
    run, start = pair(R0 + sign * 1e-5), sign * 1e-5
    departure = radii(run, 50, 10) - R0
    times = 0.1 * np.arange(1, 51)
    np.testing.assert_allclose(departure, start * np.cosh(rate * times), rtol=2e-3)
    assert abs(departure[-1] / (start * np.cosh(1.01 * rate * 5.0)) - 1) > 0.02  # negative control


def test_a_pair_at_rest_inside_falls_through_and_comes_back() -> None:
    """Energy is kept: it breathes between its start and the other side, far from a small oscillation."""
    course = radii(pair(0.9 * R0, time_step=0.002), 4000, 5)
    assert course.min() < 0.05
    back = course[len(course) // 4 :].max()
    assert back == pytest.approx(0.9 * R0, rel=1e-4)


def test_frequency_of_a_turning_pair() -> None:
    radius = 0.6
    turning = np.sqrt(attraction(radius) / radius - L)
    frequency = np.sqrt(3 * turning**2 - L + slope_of_attraction(radius))
    run = pair(radius * 1.001, turning / 1.001**2)  # the same angular momentum
    course = radii(run, 600, 10)

    def swing(t: np.ndarray, middle: float, width: float, rate: float) -> np.ndarray:
        return middle + width * np.cos(rate * t)

    found = curve_fit(swing, 0.1 * np.arange(1, 601), course, p0=[radius, 0.001 * radius, frequency])[0]
    assert found[2] == pytest.approx(frequency, rel=1e-3)  # second order in the swing and in the step
    assert abs(found[2] / turning - 1) > 0.05  # not the rate of turning
    assert found[0] == pytest.approx(radius, rel=1e-4)


def test_dispersion_alone_is_hubbles_law() -> None:
    """Distances grow as cosh(sqrt(L) t), all alike, about the centre of mass."""
    places = np.random.default_rng(0).standard_normal((20, 3))
    masses = np.random.default_rng(1).uniform(0.5, 2, 20)
    law = {"kind": "newton", "time_step": 0.01}
    run = Simulation(Gas(places, masses=masses), dynamics=law, forces=[{"kind": "dispersion", "rate": 0.5}], seed=1)
    centre = np.average(places, axis=0, weights=masses)
    run.step(300)
    stretched = centre + (places - centre) * np.cosh(np.sqrt(0.5) * 3.0)
    np.testing.assert_allclose(run.gas.positions, stretched, rtol=1e-4)
    np.testing.assert_allclose(np.average(run.gas.positions, axis=0, weights=masses), centre, atol=1e-13)
