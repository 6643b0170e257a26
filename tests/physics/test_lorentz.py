"""The magnetic force: it does no work, turns velocities at the cyclotron rate, drifts across an electric field, and
leaves Gibbs's law as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from force_cases.case import build, gas_at
from laws import HARMONIC
from replicas import replica_mean
from scipy.linalg import expm

from gasfield.errors import InputError
from gasfield.forces import Force
from gasfield.gas import Gas
from gasfield.simulation import Simulation
from gasfield.spaces import Free, Sphere


def antisymmetric(dimensions: int, seed: int = 0) -> np.ndarray:
    matrix = np.random.default_rng(seed).standard_normal((dimensions, dimensions))
    return matrix - matrix.T


def charged(dimensions: int, count: int = 20) -> Gas:
    chance = np.random.default_rng(1)
    gas = gas_at(chance.standard_normal((count, dimensions)))
    gas.velocities = chance.standard_normal((count, dimensions))
    gas.charges, gas.masses = chance.standard_normal(count), chance.uniform(0.5, 2.0, count)
    return gas


def lorentz(field: Any, dimensions: int) -> Force:
    return build("lorentz", Free(dimensions=dimensions), field=np.asarray(field).tolist())


def moving(law: dict[str, Any], gas: Gas, forces: list[dict[str, Any]], **more: Any) -> Simulation:
    return Simulation(gas, dynamics=law, forces=forces, seed=1, **more)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 7, 64])
def test_flow_is_the_exponential_of_the_matrix(dimensions: int) -> None:
    matrix, gas = antisymmetric(dimensions), charged(dimensions)
    before = gas.velocities.copy()
    lorentz(matrix, dimensions).rotate_velocities(gas, 0.3)
    expected = [expm(0.3 * q / m * matrix) @ v for q, m, v in zip(gas.charges, gas.masses, before, strict=True)]
    np.testing.assert_allclose(gas.velocities, expected, atol=1e-12)
    wrong = [expm(0.303 * q / m * matrix) @ v for q, m, v in zip(gas.charges, gas.masses, before, strict=True)]
    assert dimensions == 1 or np.abs(gas.velocities - wrong).max() > 1e-3  # negative control


def test_a_number_a_vector_and_their_matrices_are_one() -> None:
    """In two dimensions b (v_1, -v_0), in three v x b."""
    gas = charged(3)
    vector, velocities = [0.3, -1.0, 0.7], gas.velocities.copy()
    rate = np.cross(velocities, vector) * (gas.charges / gas.masses)[:, None]
    lorentz(vector, 3).rotate_velocities(gas, 1e-6)
    np.testing.assert_allclose((gas.velocities - velocities) / 1e-6, rate, atol=1e-4)
    flat, other = charged(2), charged(2)
    lorentz(0.8, 2).rotate_velocities(flat, 0.5)
    lorentz([[0.0, 0.8], [-0.8, 0.0]], 2).rotate_velocities(other, 0.5)
    np.testing.assert_array_equal(flat.velocities, other.velocities)


@pytest.mark.parametrize("dimensions", [2, 3, 8])
def test_it_does_no_work(dimensions: int) -> None:
    """Kinetic energy over 2,000 steps with rounding only: of sine, cosine and products some 4 units of 2e-16 a step,
    always the same ones for the same angle: 2e-12 at the worst."""
    field = {"kind": "lorentz", "field": antisymmetric(dimensions).tolist()}
    run = moving({"kind": "newton", "time_step": 0.1}, charged(dimensions), [field])
    before = run.gas.kinetic_energies()
    turned = run.gas.velocities.copy()
    run.step(2000)
    np.testing.assert_allclose(run.gas.kinetic_energies(), before, rtol=2e-12)
    assert np.abs(run.gas.velocities - turned).max() > 0.1


def drift(time_step: float) -> tuple[np.ndarray, float]:
    """(mean velocity over whole turns, radius) of a charge in crossed fields: E = (0, 0.5), B = 2, q = 1, m = 1."""
    gas = gas_at(np.zeros((1, 2)))
    gas.velocities, gas.charges = np.array([[0.0, 0.0]]), np.ones(1)
    forces = [{"kind": "constant", "force": [0.0, 0.5]}, {"kind": "lorentz", "field": 2.0}]
    turn = round(2 * np.pi / 2.0 / time_step)
    run = moving({"kind": "newton", "time_step": 2 * np.pi / 2.0 / turn}, gas, forces)
    places = run.sample(3 * turn, 1, lambda gas: gas.positions[0])
    velocity = places[-1] / run.gas.time
    times = np.arange(1, 3 * turn + 1) * run.gas.time / (3 * turn)
    circle = places - velocity * times[:, None]
    return velocity, float(np.ptp(circle[:, 0]) / 2)


def test_drift_across_an_electric_field() -> None:
    """A charge at rest drifts with E x B / B^2 = (E_y/B, 0) = (.25, 0) on a cycloid of radius m v_d/(q B) = .125. The
    splitting turns velocities exactly, so that only the kick is of second order: radius and drift follow as h^2."""
    velocity, radius = drift(0.01)
    np.testing.assert_allclose(velocity, [0.25, 0.0], atol=1e-4)
    assert radius == pytest.approx(0.125, rel=1e-3)
    errors = [abs(drift(h)[1] - 0.125) for h in (0.2, 0.1)]
    assert 3.0 < errors[0] / errors[1] < 5.0


def test_period_and_radius_of_gyration() -> None:
    """Period 2 pi m/(q B), radius m v/(q B): exact for any step that divides the period."""
    gas = gas_at(np.zeros((2, 3)))
    gas.velocities, gas.charges, gas.masses = np.array([[0.6, 0.0, 0.1]] * 2), np.array([1.0, -2.0]), np.array([2.0, 1])
    period = 2 * np.pi * 2.0 / 1.5
    law = {"kind": "newton", "time_step": period / 40}
    run = moving(law, gas, [{"kind": "lorentz", "field": [0.0, 0.0, 1.5]}])
    places = run.sample(40, 1, lambda gas: gas.positions)
    np.testing.assert_allclose(run.gas.velocities, gas.velocities, atol=1e-13)
    np.testing.assert_allclose(places[-1, :, :2], 0.0, atol=1e-13)
    np.testing.assert_allclose(places[-1, :, 2], 0.1 * period, rtol=1e-13)
    radii = np.ptp(places[:, :, 1], axis=0) / 2  # a polygon with sides h v, seen in the middle of its sides
    circle, angles = np.array([2.0 / 1.5, 1.0 / 3.0]) * 0.6, period / 40 * np.array([1.5 / 2, 3.0])
    np.testing.assert_allclose(radii, circle * (angles / 2) / np.tan(angles / 2), rtol=1e-12)


def test_bohr_and_van_leeuwen() -> None:
    """Under Langevin's law a magnetic field changes neither <x^2> nor <v^2> = 1 - h^2/4 of a harmonic well."""
    gas = gas_at(np.random.default_rng(3).standard_normal((4000, 2)))
    gas.velocities = np.random.default_rng(4).standard_normal((4000, 2))
    gas.charges = np.ones(4000)
    law = {"kind": "langevin", "time_step": 0.2, "friction": 1.0}
    run = moving(law, gas, [HARMONIC, {"kind": "lorentz", "field": 3.0}], temperature=1.0)
    run.step(100)
    squares = run.sample(25, 8, lambda gas: np.stack([gas.positions**2, gas.velocities**2]))
    for which, truth in ((0, 1.0), (1, 1.0 - 0.2**2 / 4)):
        value, error, _ = replica_mean(squares[:, which].reshape(25, -1))
        assert abs(value - truth) < 4 * error
        assert abs(value - 1.05 * truth) > 4 * error  # negative control
    angular = float(np.mean(run.gas.positions[:, 0] * run.gas.velocities[:, 1]))
    assert abs(angular) < 0.1  # no current


def test_laws_without_velocities_refuse_it() -> None:
    for law, more in (
        ({"kind": "advection", "time_step": 0.1}, {}),
        ({"kind": "brownian", "time_step": 0.1}, {"temperature": 1.0}),
        ({"kind": "hmc", "time_step": 0.1}, {"temperature": 1.0}),
    ):
        with pytest.raises(InputError, match="force on velocities"):
            moving(law, charged(2), [{"kind": "lorentz", "field": 1.0}], **more)


@pytest.mark.parametrize(
    ("field", "dimensions", "says"),
    [
        (1.0, 3, "in 3 dimensions it is a vector of 3, or a 3 x 3 matrix"),
        ([1.0, 2.0], 2, "in 2 dimensions it is a number, or a 2 x 2 matrix"),
        ([[0.0, 1.0], [1.0, 0.0]], 2, r"antisymmetric, but its elements \(0, 1\) and \(1, 0\) are 1 and 1"),
        ([[1.0, 0.0], [0.0, 0.0]], 2, r"elements \(0, 0\)"),
    ],
)
def test_fields_of_the_wrong_shape_are_refused(field: Any, dimensions: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        lorentz(field, dimensions)


def test_it_needs_charges_and_flat_space() -> None:
    with pytest.raises(InputError, match="no particle has a charge"):
        lorentz(1.0, 2).check_gas(gas_at(np.zeros((3, 2))))
    with pytest.raises(InputError, match="flat space"):
        build("lorentz", Sphere(dimensions=3), field=[0.0, 0.0, 1.0])
