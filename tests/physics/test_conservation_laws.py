"""What must stay: momentum where forces are mutual, angular momentum where they are central, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from laws import HARMONIC, free

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.simulation import Simulation

TURN = {"kind": "circulation", "rate": 1.0}
SOFT = {"kind": "soft_repulsion", "strength": 5.0, "cutoff": 1.0}
PERIODIC = {"kind": "periodic", "dimensions": 3, "side": 4.0}
COUNT = 40


def cloud(dimensions: int = 3, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    positions = chance.uniform(-2, 2, (COUNT, dimensions))
    velocities = chance.standard_normal((COUNT, dimensions))
    return positions, velocities - velocities.mean(axis=0)


def momentum(gas: Any) -> np.ndarray:
    return np.sum(gas.masses[:, None] * gas.velocities, axis=0)


def angular_momentum(gas: Any) -> np.ndarray:
    """(D, D) antisymmetric: sum of m (x v^T - v x^T)."""
    outer = np.einsum("n,ni,nj->ij", gas.masses, gas.positions, gas.velocities)
    return outer - outer.T


@pytest.mark.parametrize("space", [free(3), PERIODIC], ids=["free", "periodic"])
def test_momentum_is_kept_by_mutual_forces(space: dict[str, Any]) -> None:
    """To rounding: 500 steps of sums of some 40 terms of size one."""
    positions, velocities = cloud()
    system = Simulation(
        Gas(positions, velocities=velocities),
        dynamics={"kind": "newton", "time_step": 0.01},
        forces=[SOFT],
        space=space,
        seed=1,
    )
    moved = system.step(500).gas
    assert np.abs(momentum(moved)).max() < 1e-11
    assert np.abs(moved.velocities - velocities).max() > 0.5  # they did push each other


def test_momentum_is_not_kept_by_an_external_field() -> None:
    """Negative control."""
    positions, velocities = cloud()
    law = {"kind": "newton", "time_step": 0.01}
    system = Simulation(
        Gas(positions, velocities=velocities),
        dynamics=law,
        forces=[SOFT, {"kind": "constant", "force": [0.1, 0, 0]}],
        seed=1,
    )
    assert abs(momentum(system.step(100).gas)[0] - 0.1 * COUNT) < 1e-9


@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_angular_momentum_is_kept_by_central_forces(dimensions: int) -> None:
    """Velocity Verlet keeps it exactly: a kick along x and a drift along v leave x v^T - v x^T as it is."""
    positions, velocities = cloud(dimensions)
    forces = [SOFT, {"kind": "harmonic", "stiffness": 0.5}]
    system = Simulation(
        Gas(positions, velocities=velocities), dynamics={"kind": "newton", "time_step": 0.02}, forces=forces, seed=1
    )
    before = angular_momentum(system.gas)
    np.testing.assert_allclose(angular_momentum(system.step(500).gas), before, atol=1e-10)


def test_angular_momentum_is_not_kept_in_an_anisotropic_well() -> None:
    """Negative control."""
    positions, velocities = cloud(2)
    forces = [{"kind": "harmonic", "stiffness": [0.5, 0.6]}]
    system = Simulation(
        Gas(positions, velocities=velocities), dynamics={"kind": "newton", "time_step": 0.02}, forces=forces, seed=1
    )
    before = angular_momentum(system.gas)
    assert abs(angular_momentum(system.step(500).gas) - before).max() > 0.1


def test_newton_can_be_run_backwards() -> None:
    positions, velocities = cloud()
    law = {"kind": "newton", "time_step": 0.01}
    there = (
        Simulation(Gas(positions, velocities=velocities), dynamics=law, forces=[SOFT], space=PERIODIC, seed=1)
        .step(300)
        .gas
    )
    back = (
        Simulation(
            Gas(there.positions, velocities=-there.velocities), dynamics=law, forces=[SOFT], space=PERIODIC, seed=1
        )
        .step(300)
        .gas
    )
    np.testing.assert_allclose(back.positions, positions, atol=1e-8)


def test_energy_and_angular_momentum_on_the_sphere() -> None:
    """Great circles and tangent kicks: second order in energy, and angular momentum about the axis of the field."""
    chance = np.random.default_rng(4)
    positions = chance.standard_normal((20, 3))
    positions /= np.linalg.norm(positions, axis=1, keepdims=True)
    velocities = np.cross(positions, chance.standard_normal((20, 3)))
    forces = [{"kind": "constant", "force": [0.0, 0.0, 2.0]}]
    errors = []
    for step in (0.02, 0.01):
        law, space = {"kind": "newton", "time_step": step}, {"kind": "sphere", "dimensions": 3}
        system = Simulation(Gas(positions, velocities=velocities), dynamics=law, forces=forces, space=space, seed=1)
        start, about_axis = system.energy(), angular_momentum(system.gas)[0, 1]
        energies = system.sample(int(10 / step), 1, lambda gas, s=system: np.array(s.energy()))
        errors.append(np.abs(energies - start).max())
        assert abs(angular_momentum(system.gas)[0, 1] - about_axis) < 1e-11
    np.testing.assert_allclose(errors[0] / errors[1], 4.0, rtol=0.1)


def test_a_gas_that_keeps_its_momentum_starts_with_none() -> None:
    positions, velocities = cloud()
    law = {"kind": "nose_hoover", "time_step": 0.01, "relaxation_time": 0.3}
    system = Simulation(
        Gas(positions, velocities=velocities + 3.0),
        dynamics=law,
        forces=[SOFT],
        space=PERIODIC,
        temperature=1.0,
        seed=1,
    )
    assert np.abs(momentum(system.gas)).max() < 1e-12
    assert system.dynamics.degrees_of_freedom(system.gas) == 3 * COUNT - 3
    assert np.abs(momentum(system.step(200).gas)).max() < 1e-11


@pytest.mark.parametrize(
    ("law", "forces", "space", "temperature", "reason"),
    [
        ({"kind": "metropolis", "step_length": 0.1}, [TURN], free(2), 1.0, "not a gradient"),
        ({"kind": "hmc", "time_step": 0.1}, [TURN], free(2), 1.0, "not a gradient"),
        ({"kind": "mala", "time_step": 0.1}, [SOFT], free(2), 1.0, "detailed balance"),
        ({"kind": "langevin", "time_step": 0.1, "friction": 1.0}, [], free(2), None, "temperature"),
        ({"kind": "newton", "time_step": 0.1}, [], free(2), 1.0, "has no bath"),
        ({"kind": "nose_hoover", "time_step": 0.1, "relaxation_time": 1.0}, [], free(2), 1.0, "Maxwell"),
        ({"kind": "nose_hoover", "time_step": 0.1, "relaxation_time": 1.0}, [SOFT], free(2), 0.0, "above zero"),
        ({"kind": "sgd", "learning_rate": 0.1}, [], {"kind": "ball", "dimensions": 2, "radius": 9.0}, None, "free"),
        ({"kind": "sgd", "learning_rate": 0.1}, [], free(2), 1.0, "has no bath"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)  # fmt: skip
def test_what_has_no_meaning_is_refused(
    law: dict[str, Any], forces: list[dict[str, Any]], space: dict[str, Any], temperature: float | None, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        Simulation(np.zeros((3, 2)), dynamics=law, forces=forces, space=space, temperature=temperature, seed=1)


def test_nose_hoover_of_one_oscillator_is_refused() -> None:
    law = {"kind": "nose_hoover", "time_step": 0.1, "relaxation_time": 1.0}
    with pytest.raises(InputError, match="1 degrees of freedom"):
        Simulation(np.zeros((1, 1)), dynamics=law, forces=[HARMONIC], temperature=1.0, seed=1)
