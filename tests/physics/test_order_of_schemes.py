"""Order of convergence by halving the step, and what a symplectic scheme owes: an energy error of second order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from replicas import halvings, replica_mean

from gasfield.gas import Gas
from gasfield.simulation import Simulation

DOUBLE_WELL = {"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 2.0}
CIRCULATION = {"kind": "circulation", "rate": 0.7}
START = np.array([[-1.4, 0.3], [0.2, -0.5], [0.9, 1.1]])
PUSH = np.array([[0.5, -0.2], [0.7, 0.4], [-0.3, 0.1]])
TIME = 2.0

DETERMINISTIC: list[tuple[dict[str, Any], float | None, int]] = [
    ({"kind": "newton"}, None, 2),
    ({"kind": "langevin", "scheme": "baoab", "friction": 0.8}, 0.0, 2),
    ({"kind": "langevin", "scheme": "obabo", "friction": 0.8}, 0.0, 2),
    ({"kind": "nose_hoover", "relaxation_time": 0.7}, 0.5, 2),
    ({"kind": "brownian", "scheme": "euler_maruyama"}, 0.0, 1),
    ({"kind": "brownian", "scheme": "leimkuhler_matthews"}, 0.0, 1),
    ({"kind": "advection"}, None, 4),
]
"""Law, temperature (0 leaves the flow without noise), order of its paths."""


def end(law: dict[str, Any], temperature: float | None, steps: int, step: float, space: Any = None) -> np.ndarray:
    start = START if space is None else np.array([[1.0, 0, 0], [0, 0.6, 0.8], [0.48, 0.6, 0.64]])
    push = PUSH if space is None else np.array([[0, 0.5, -0.2], [0.7, 0.4, -0.3], [-0.5, 0.08, 0.3]])
    forces = [DOUBLE_WELL] if space is None else [{"kind": "harmonic", "stiffness": [3.0, 1.0, 0.0]}, CIRCULATION]
    system = Simulation(
        Gas(start, velocities=push),
        dynamics=law | {"time_step": step},
        forces=forces,
        space=space,
        temperature=temperature,
        seed=1,
    )
    return system.step(steps).gas.positions


def ratios(law: dict[str, Any], temperature: float | None, space: Any = None) -> np.ndarray:
    """By what factor the differences between successive halvings shrink: 2^order as the step goes to zero."""
    ends = [end(law, temperature, 40 * steps, step, space) for steps, step in halvings(TIME / 40, 4)]
    gaps = [float(np.linalg.norm(a - b)) for a, b in pairwise(ends)]
    return np.array(gaps[:-1]) / np.array(gaps[1:])


@pytest.mark.parametrize(("law", "temperature", "order"), DETERMINISTIC, ids=lambda value: str(value))
def test_paths_converge_with_the_order_of_the_scheme(
    law: dict[str, Any], temperature: float | None, order: int
) -> None:
    """The ratio is 2^order (1 + O(h)): within 15% at h = 1/20, and nearer at half of it."""
    found = ratios(law, temperature)
    np.testing.assert_allclose(found, 2.0**order, rtol=0.15)
    assert abs(found[1] / 2.0**order - 1) < abs(found[0] / 2.0**order - 1) + 0.02


SPHERE = {"kind": "sphere", "dimensions": 3}


@pytest.mark.parametrize(
    ("law", "temperature", "order"),
    [case for case in DETERMINISTIC if case[0]["kind"] != "nose_hoover"],
    ids=lambda value: str(value),
)
def test_paths_on_the_sphere_keep_the_order(law: dict[str, Any], temperature: float | None, order: int) -> None:
    np.testing.assert_allclose(ratios(law, temperature, SPHERE), 2.0**order, rtol=0.15)


def test_a_scheme_of_first_order_is_told_from_one_of_second() -> None:
    """Negative control."""
    found = ratios({"kind": "brownian", "scheme": "euler_maruyama"}, 0.0)
    assert np.all(np.abs(found / 4.0 - 1) > 0.15)


def energy_errors(step: float, time: float) -> np.ndarray:
    """(T,) energy of three particles in the double well, less what it was, while velocity Verlet runs."""
    system = Simulation(
        Gas(START, velocities=PUSH), dynamics={"kind": "newton", "time_step": step}, forces=[DOUBLE_WELL], seed=1
    )
    start = system.energy()
    return system.sample(int(time / step), 1, lambda gas: np.array(system.energy() - start))


def test_verlet_energy_error_is_of_second_order_and_does_not_drift() -> None:
    """The error is that of a shadow energy: bounded by a constant times h^2, for ever. A drift would show as a mean in
    the last tenth of 1,000 time units that differs from the first tenth's; the tolerance is four standard errors of the
    difference of the two means, over blocks longer than an oscillation."""
    coarse, fine = energy_errors(0.05, 200.0), energy_errors(0.025, 200.0)
    np.testing.assert_allclose(np.abs(coarse).max() / np.abs(fine).max(), 4.0, rtol=0.1)
    long = energy_errors(0.05, 1000.0)
    assert not drifts(long)
    tilted = long + 0.2 * np.abs(long).max() * np.linspace(0, 1, len(long))
    assert drifts(tilted)  # negative control: a drift of a fifth of the amplitude is seen


def drifts(errors: np.ndarray) -> bool:
    blocks = errors[: len(errors) // 100 * 100].reshape(100, -1).mean(axis=1)
    first, last = blocks[:10], blocks[-10:]
    return bool(abs(last.mean() - first.mean()) > 4 * np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / 10))


def test_nose_hoover_keeps_its_energy_to_second_order() -> None:
    """H' of gas and thermostats, at constant temperature."""
    errors = []
    for steps, step in halvings(0.05, 2):
        law = {"kind": "nose_hoover", "time_step": step, "relaxation_time": 0.7}
        system = Simulation(Gas(START, velocities=PUSH), dynamics=law, forces=[DOUBLE_WELL], temperature=0.5, seed=1)
        kept = system.sample(100 * steps, 1, lambda gas, s=system: np.array(s.dynamics.measures(gas)["conserved"]))
        errors.append(np.abs(kept - kept[0]).max())
    np.testing.assert_allclose(errors[0] / errors[1], 4.0, rtol=0.15)


def exact_second_moment(temperature: float, width: float) -> float:
    """<x^2> in U = ((x/width)^2 - 1)^2 by quadrature."""
    x = np.linspace(-4 * width, 4 * width, 200_001)
    weight = np.exp(-(((x / width) ** 2 - 1) ** 2) / temperature)
    return float(np.sum(x**2 * weight) / np.sum(weight))


def bias(scheme: str, time_step: float, count: int, width: float = 2.0) -> tuple[float, float]:
    """<x^2> less what it should be at T = 1 in a quartic double well, and its standard error."""
    law = {"kind": "brownian", "scheme": scheme, "time_step": time_step}
    start = width * np.sign(np.random.default_rng(0).standard_normal((count, 1)))
    well = {"kind": "double_well", "barrier": 1.0, "width": width}
    system = Simulation(start, dynamics=law, forces=[well], temperature=1.0, seed=1)
    system.step(int(8 / time_step))
    squares = system.sample(10, int(np.ceil(0.5 / time_step)), lambda gas: gas.positions[:, 0] ** 2)
    mean, error, _ = replica_mean(squares)
    return mean - exact_second_moment(1.0, width), error


def test_euler_maruyama_is_of_first_order_in_an_anharmonic_well() -> None:
    """The bias of <x^2> against quadrature halves with the step, within four standard errors and a tenth for the next
    order. That of Leimkuhler-Matthews (2013) at the same step is smaller by ten times or more."""
    (coarse, coarse_error), (fine, fine_error) = (
        bias("euler_maruyama", 0.1, 50_000),
        bias("euler_maruyama", 0.05, 50_000),
    )
    assert abs(coarse) > 10 * coarse_error
    assert abs(coarse - 2 * fine) < 4 * np.hypot(coarse_error, 2 * fine_error) + 0.1 * abs(coarse)
    assert abs(bias("leimkuhler_matthews", 0.1, 50_000)[0]) < 0.1 * abs(coarse)


@pytest.mark.validate
def test_leimkuhler_matthews_is_of_second_order_in_an_anharmonic_well() -> None:
    """Its bias falls to a quarter; two million particles make it stand out from the noise."""
    (coarse, coarse_error), (fine, fine_error) = (bias("leimkuhler_matthews", h, 2_000_000) for h in (0.3, 0.15))
    slack = 4 * np.hypot(coarse_error, 4 * fine_error) + 0.2 * abs(coarse)
    assert abs(coarse) > 10 * coarse_error
    assert abs(coarse - 4 * fine) < slack
    assert abs(coarse - 2 * fine) > 2 * np.hypot(coarse_error, 2 * fine_error)  # not of first order
