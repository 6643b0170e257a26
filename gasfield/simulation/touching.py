"""What an event does to the state of a gas: one function a verb. Forces and bath: `Arrangement.after`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import Dynamics
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.scenario.events import Kick, Move
from gasfield.spaces import Space

Rows = NDArray[np.int64]
_MOST_TURNS = 1e9
"""Periods of a displacement: those that were travelled are counted in integers, and each needs its digits."""


def rows_of(gas: Gas, ids: NDArray[np.int64]) -> Rows:
    """The rows of a gas with these ids, ascending."""
    return np.flatnonzero(np.isin(gas.ids, ids))


def kick(gas: Gas, space: Space, rows: Rows, given: Kick) -> None:
    """Adds a velocity, of which a curved space keeps what is tangent.

    Raises:
        InputError: if particles have no velocities.
    """
    if gas.velocities is None:
        raise InputError("the particles of these dynamics have no velocities.", parameter="kick")
    kicked = gas.velocities[rows].astype(np.float64) + np.array(given.velocity)
    _make_tangent(gas, space, rows, kicked)
    gas.velocities[rows] = kicked


def move(gas: Gas, space: Space, dynamics: Dynamics, rows: Rows, given: Move) -> None:
    """Displaces particles; whole periods of a space change no bit of the position in it, and a curved space takes the
    nearest place on its surface, with the part of the velocity that is tangent there.

    Raises:
        InputError: if one would be outside the space.
    """
    before, by = gas.positions.copy(), np.array(given.by)
    if gas.images is not None:
        turns = np.where(space.periods > 0.0, np.rint(by / np.where(space.periods > 0.0, space.periods, 1.0)), 0.0)
        if np.abs(turns).max(initial=0.0) > _MOST_TURNS:
            raise InputError(f"is more than {_MOST_TURNS:g} periods.", parameter="move.by")
        gas.images[rows] += turns.astype(np.int64)
        by = by - turns * space.periods
    moved = gas.positions[rows].astype(np.float64) + by
    if space.curved:
        space.settle(moved)
    outside = ~(space.contains(moved) & np.isfinite(moved).all(axis=1))
    if outside.any() and not space.curved:
        first = int(gas.ids[rows[int(np.argmax(outside))]])
        text = f"particle {first} would be outside the space, and {int(outside.sum()) - 1} others with it."
        raise InputError(text, parameter="move.by")
    gas.positions[rows] = moved
    dynamics.project(gas)
    still = np.ones(gas.count, bool)
    still[rows] = False
    gas.positions[still] = before[still]
    if gas.velocities is not None and space.curved:
        turned = gas.velocities[rows].astype(np.float64)
        _make_tangent(gas, space, rows, turned)
        gas.velocities[rows] = turned
    dynamics.displace(rows)


def _make_tangent(gas: Gas, space: Space, rows: Rows, vectors: NDArray[np.float64]) -> None:
    space.tangent(np.ascontiguousarray(gas.positions[rows], np.float64), vectors)


def without(gas: Gas, ids: NDArray[np.int64]) -> Gas:
    """The gas without some particles; all others keep their ids."""
    return gas.select(np.flatnonzero(~np.isin(gas.ids, ids)))


def hand_over(state: Mapping[str, NDArray[Any]], dynamics: Dynamics, kept: Rows | None = None) -> None:
    """Gives the state of former dynamics to new ones, of a gas in which only some rows are left.

    Arrays of particles are those whose length changes with the gas.

    Raises:
        InputError: if the state of the law depends on what has changed, such as a thermostat for each temperature.
    """
    now = dynamics.state()
    fitting = {}
    for name, array in state.items():
        shape = now[name].shape if name in now else array.shape
        fitting[name] = array if kept is None or array.shape == shape else array[kept]
    try:
        dynamics.restore(fitting)
    except (KeyError, ValueError) as fault:
        raise InputError(f"the dynamics cannot go on with this change: {fault}.") from None
