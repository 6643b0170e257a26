"""A start with forces and energies that can be computed with: no time step makes an infinite force finite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, about
from gasfield.forces import Force
from gasfield.gas import Gas
from gasfield.operations import SimulationLike

_BLOCK = 1 << 20
"""Coordinates of particles that do not interact whose forces are looked at together."""


def require_finite_start(simulation: SimulationLike) -> None:
    """Checks that the forces on a start, their squares and their energies are finite.

    The cost is that of one evaluation of all forces.

    Raises:
        InputError: if they are not; it names the force and the particle.
    """
    gas, forces = simulation.gas, simulation.forces
    if not simulation.forces_known():
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if all(
            _are_finite(forces.force(part), forces.energy(part) if forces.conservative else np.zeros(1))
            for part in _parts(gas, forces.interacting)
        ):
            return
        for number, force in enumerate(forces):
            with about("forces", number):
                _require_finite(force, gas)
    raise InputError("the sum of all forces on the start is not finite.", parameter="forces")


def _parts(gas: Gas, interacting: bool) -> Iterator[Gas]:
    """The gas; where particles do not interact, by blocks, so that the memory needed does not grow with it."""
    rows = max(1, gas.count if interacting else _BLOCK // max(1, gas.dimensions))
    for start in range(0, gas.count, rows):
        yield gas if rows >= gas.count else gas.select(slice(start, start + rows))


def _require_finite(force: Force, gas: Gas) -> None:
    felt = np.zeros(gas.positions.shape)
    force.add(gas, felt)
    energies = force.energy(gas) if force.conservative else np.zeros(gas.count)
    if _are_finite(felt, energies):
        return
    sizes = np.sum(felt**2, axis=1)
    worst = int(np.argmax(~np.isfinite(sizes) | ~np.isfinite(energies)))
    where = ", ".join(f"{x:.4g}" for x in gas.positions[worst][:4])
    raise InputError(
        f"at the start its force on particle {int(gas.ids[worst])} (group '{gas.names[int(gas.species[worst])]}'), at "
        f"({where}{', ...' if gas.dimensions > 4 else ''}), is of size {np.sqrt(sizes[worst]):.4g}, and its energy "
        f"{energies[worst]:.4g}: beyond the range of numbers. Start elsewhere, or use a weaker force."
    )


def _are_finite(force: NDArray[np.float64], energies: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(np.sum(force**2)) and np.isfinite(np.sum(energies)))
