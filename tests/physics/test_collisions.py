"""Spheres: where Lennard-Jones has its minimum and its cut-off, what is inside the core, how two of them collide."""

from __future__ import annotations

import numpy as np
import pytest
from force_cases.case import build, gas_at, pull

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.simulation import Simulation
from gasfield.spaces import Free, Periodic

SPACE = Free(dimensions=1)


def apart(distance: float) -> np.ndarray:
    return np.array([[0.0], [distance]])


def test_lennard_jones_has_its_minimum() -> None:
    spheres = build("lennard_jones", SPACE, strength=2.0, diameter=1.5, cutoff=6.0)
    shift = 8.0 * (0.25**12 - 0.25**6)
    assert spheres.energy(gas_at(apart(1.5 * 2 ** (1 / 6)))).sum() == pytest.approx(-2.0 - shift, rel=1e-12)
    assert np.abs(pull(spheres, gas_at(apart(1.5 * 2 ** (1 / 6))))).max() < 1e-12
    assert spheres.energy(gas_at(apart(1.5))).sum() == pytest.approx(-shift, abs=1e-12)
    np.testing.assert_array_equal(pull(spheres, gas_at(apart(6.0))), 0.0)
    assert spheres.energy(gas_at(apart(5.999999))).sum() == pytest.approx(0.0, abs=1e-8)


def test_at_the_range_of_weeks_chandler_and_andersen_nothing_attracts() -> None:
    spheres = build("lennard_jones", SPACE, cutoff=2 ** (1 / 6))
    for r in np.linspace(0.6, 1.12, 20):
        assert spheres.energy(gas_at(apart(r))).sum() > 0.0
        assert pull(spheres, gas_at(apart(r)))[1, 0] > 0.0


@pytest.mark.parametrize("kind", ["lennard_jones", "inverse_power"])
def test_the_core_goes_on_without_a_jump(kind: str) -> None:
    """Energy, force and its derivative are continuous at the edge; at the centre the energy is finite and a maximum."""
    law = build(kind, SPACE, **({"exponent": 12.0} if kind == "inverse_power" else {}))
    edge = 0.5 if kind == "lennard_jones" else 1e5 ** (-1 / 12)
    inside, outside = (gas_at(apart(edge * (1 + s))) for s in (-1e-9, 1e-9))
    for of in (law.energy, lambda gas: pull(law, gas)[:, 0], law.laplacian):
        np.testing.assert_allclose(of(inside), of(outside), rtol=1e-6)
    heights = [law.energy(gas_at(apart(r))).sum() for r in (edge, 0.5 * edge, 0.0)]
    assert heights[0] < heights[1] < heights[2] < np.inf


def test_a_head_on_collision_exchanges_velocities() -> None:
    """Two equal masses on a line leave each other with the velocity that the other one brought; they turn at contact,
    where the energy is a quarter: r = 4^(1/48)."""
    law, hard = {"kind": "newton", "time_step": 1e-3}, {"kind": "inverse_power", "exponent": 48.0}
    run = Simulation(Gas(apart(2.0), velocities=np.array([[0.5], [-0.5]])), dynamics=law, forces=[hard], seed=1)
    nearest = run.sample(3000, 1, lambda gas: gas.positions[1, 0] - gas.positions[0, 0]).min()
    np.testing.assert_allclose(run.gas.velocities[:, 0], [-0.5, 0.5], atol=1e-4)
    assert nearest == pytest.approx(4 ** (1 / 48), abs=1e-3)


def test_a_range_inside_the_core_and_a_box_too_small_are_refused() -> None:
    with pytest.raises(InputError, match=r"a range of 0\.4 is inside the core, 0\.5"):
        build("lennard_jones", SPACE, cutoff=0.4)
    with pytest.raises(InputError, match=r"side 4 .* twice the cutoff, 5: .* at most 2"):
        build("lennard_jones", Periodic(dimensions=2, side=4.0))
    for kind in ("gravity", "coulomb"):
        with pytest.raises(InputError, match=r"without a cutoff .* at most 2, half of the side 4"):
            build(kind, Periodic(dimensions=2, side=4.0), softening=0.1)
    with pytest.raises(InputError, match="no particle has a charge"):
        build("coulomb", SPACE, softening=0.1).check_gas(gas_at(apart(1.0)))
