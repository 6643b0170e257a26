"""A periodic box is the same in every period: positions are wrapped, and the periods travelled are counted.

The side is a power of two, so that a start some periods away has the same binary digits within its period and all that
follows must be equal to the bit. Unwrapped, a position a million periods away would have lost 20 of its 53 digits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield import Simulation
from gasfield.errors import BlowUp, InputError
from gasfield.gas import Gas
from gasfield.operations import TrajectoryRecorder
from gasfield.spaces.periodic import Periodic

SIDE = 4.0
SPACE = {"kind": "periodic", "dimensions": 2, "side": SIDE}
SOFT = {"kind": "soft_repulsion", "strength": 2.0, "cutoff": 0.9}
NEWTON = {"kind": "newton", "time_step": 0.01}
LAWS: list[tuple[dict[str, Any], dict[str, Any], float | None]] = [
    (NEWTON, SOFT, None),
    ({"kind": "langevin", "time_step": 0.01, "friction": 1.0}, SOFT, 0.5),
    ({"kind": "brownian", "time_step": 0.01}, SOFT, 0.5),
    ({"kind": "metropolis", "step_length": 0.1, "accept": "gas"}, SOFT, 0.5),
    ({"kind": "hmc", "time_step": 0.02, "leapfrog_steps": 5, "accept": "gas"}, SOFT, 0.5),
    ({"kind": "advection", "time_step": 0.01}, {"kind": "constant", "force": (1.0, -0.3)}, None),
]
GRAIN = 2.0**-20
"""Positions at the start are multiples of it, so that no digit is lost a billion periods away."""


def start(periods: int) -> Gas:
    chance = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(4) * 1.0 - 1.5] * 2), -1).reshape(-1, 2)
    x = np.round((grid + 0.2 * chance.standard_normal(grid.shape)) / GRAIN) * GRAIN
    return Gas(x + periods * SIDE, velocities=chance.standard_normal(grid.shape))


def run(law: Any, force: Any, temperature: float | None, periods: int) -> Simulation:
    forces = [force] if force else []
    return Simulation(start(periods), space=SPACE, forces=forces, dynamics=law, temperature=temperature).step(200)


@pytest.mark.parametrize(("law", "force", "temperature"), LAWS, ids=[law["kind"] for law, *_ in LAWS])
def test_a_billion_periods_away_everything_is_as_at_home(law: Any, force: Any, temperature: float | None) -> None:
    home, far = (run(law, force, temperature, periods).gas for periods in (0, -(10**9)))
    np.testing.assert_array_equal(far.positions, home.positions)
    np.testing.assert_array_equal(far.velocities, home.velocities)
    assert home.images is not None
    assert far.images is not None
    np.testing.assert_array_equal(far.images, home.images - 10**9)
    assert home.images.any(), "nobody has left the box: nothing is tested"


def test_the_path_of_a_free_particle_is_straight_across_the_sides(tmp_path: Path) -> None:
    gas = start(0)
    x, v = gas.positions.copy(), np.array(gas.velocities)
    file = TrajectoryRecorder(tmp_path / "a.h5", 100)
    sim = Simulation(gas, space=SPACE, dynamics=NEWTON, operations=[file]).step(1000)
    np.testing.assert_allclose(sim.gas.unwrapped, x + 10.0 * v, atol=1e-11)
    assert (np.abs(sim.gas.positions) <= 0.5 * SIDE).all()
    sim.close()
    with gasfield.open(tmp_path / "a.h5") as trajectory:
        np.testing.assert_allclose(trajectory.positions()[-1], x + 10.0 * v, atol=1e-11)


def test_a_restored_state_has_its_images() -> None:
    law = {"kind": "brownian", "time_step": 0.01}
    sim = run(law, SOFT, 0.5, 3)
    state = sim.state()
    again = Simulation(start(3), space=SPACE, forces=[SOFT], dynamics=law, temperature=0.5)
    again.restore(state)
    np.testing.assert_array_equal(again.step(50).gas.unwrapped, sim.step(50).gas.unwrapped)


def test_a_state_without_images_is_wrapped() -> None:
    """As releases saved it that did not wrap positions."""
    sim = run(NEWTON, SOFT, None, 3)
    state = {name: array for name, array in sim.state().items() if name != "gas/images"}
    state["gas/positions"] = sim.gas.unwrapped.copy()
    again = Simulation(start(3), space=SPACE, forces=[SOFT], dynamics=NEWTON)
    again.restore(state)
    np.testing.assert_array_equal(again.gas.images, sim.gas.images)
    np.testing.assert_allclose(again.step(10).gas.unwrapped, sim.step(10).gas.unwrapped, atol=1e-10)


@pytest.mark.parametrize("side", [2.0, 0.7, 0.26362359173243805])
def test_position_and_images_add_up_to_the_way(side: float) -> None:
    ways = np.random.default_rng(0).uniform(-1e3, 1e3, (500, 1)) * side
    wrapped, images = ways.copy(), np.zeros(ways.shape, np.int64)
    Periodic(dimensions=1, side=side).wrap(wrapped, images)
    assert ((wrapped >= -0.5 * side) & (wrapped < 0.5 * side)).all()
    np.testing.assert_allclose(wrapped + images * side, ways, rtol=0, atol=1e-12 * side)


def test_a_position_without_digits_within_a_period_is_refused() -> None:
    with pytest.raises(InputError, match="outside the space"):
        Simulation(Gas(np.full((1, 2), 1e17)), space=SPACE, dynamics=NEWTON)
    fast = Gas(np.zeros((2, 2)), velocities=np.array([[1e30, 0.0], [-1e30, 0.0]]))
    with pytest.raises(BlowUp, match="no longer at a finite position"):
        Simulation(fast, space=SPACE, dynamics=NEWTON).step(1)
