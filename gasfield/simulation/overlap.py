"""Overlap: a pair of particles so close that no step of the run can follow the force between them.

A step of size h follows an oscillation only if the curvature k of the potential is below a limit of linear stability:
k h^2 < 4 m for velocity Verlet and the splittings with a bath, k h < 2 gamma m for Brownian motion (Leimkuhler and
Matthews, 2015, chapters 2 and 7). For a pair k = |U''(r)| and m is the reduced mass. Uniformly distributed particles
with hard cores exceed the limit by many orders of magnitude, and a smaller step would not help.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces import Force, TotalForce
from gasfield.forces.closest import nearest_sources
from gasfield.gas import Gas
from gasfield.operations import SimulationLike

_MARGIN = 10.0
"""A curvature so many times the limit is an overlap: a hard collision may exceed the limit for a moment, and a run may
survive it."""
_DIFFERENCE = 1e-4
"""Relative difference of the two distances between which a force is differentiated."""


def require_apart(simulation: SimulationLike) -> None:
    """Checks that the dynamics can follow the pair forces at the closest distances of the gas.

    The cost is that of one evaluation of a pair force; only forces that conserve momentum and energy are looked at.

    Raises:
        InputError: if they cannot; it says how many particles overlap, and names the closest pair.
    """
    gas, limit = simulation.gas, simulation.law.stiffness_limit(1.0)
    forces = [force for force in simulation.forces if force.mutual and force.conservative]
    if limit is None or not forces or gas.count < 2:
        return
    distances, partners = nearest_sources(gas, simulation.space.periods)
    order = np.argsort(distances, kind="stable")
    order = order[np.isfinite(distances[order])]

    def excess(rank: int) -> float:
        """How many times the limit is exceeded by the pair of that rank in distance."""
        i = int(order[rank])
        j = int(partners[i])
        return pair_curvature(gas, forces, i, j, float(distances[i])) / (limit * _reduced_mass(gas, i, j))

    if not len(order) or not excess(0) > _MARGIN:
        return
    few, all_of = 1, len(order)  # the curvature falls with the distance: bisection for the last pair that overlaps
    while few < all_of:
        middle = (few + all_of) // 2
        few, all_of = (middle + 1, all_of) if excess(middle) > _MARGIN else (few, middle)
    first, second = int(order[0]), int(partners[order[0]])
    names = {gas.names[int(gas.species[first])]: None, gas.names[int(gas.species[second])]: None}
    raise InputError(
        f"{few} of {gas.count} particles overlap: the closest two, {int(gas.ids[first])} and {int(gas.ids[second])} "
        f"(of {' and '.join(names)}), are {distances[first]:.4g} apart, where the curvature of their energy is "
        f"{excess(0):.2g} times the largest that this time_step can follow. Start them apart, for example with "
        "from: {kind: lattice, count: ...}, or relax the start with minimize: {}."
    )


def pair_curvature(gas: Gas, forces: list[Force], i: int, j: int, distance: float) -> float:
    """|U''| of two particles of a gas along the line between them, by a central difference [energy/length^2].

    Args:
        gas: the particles.
        forces: the pair forces between them.
        i: index of a particle that feels the other one.
        j: index of the other one, a source.
        distance: of the two [length].
    """
    pair = gas.select(np.array([i, j]))
    step = _DIFFERENCE * max(distance, np.finfo(float).tiny ** 0.25)
    along = [_force_at(pair, forces, distance + change) for change in (step, -step)]
    return abs(along[0] - along[1]) / (2.0 * step)


def _force_at(pair: Gas, forces: list[Force], distance: float) -> float:
    """The force on the first of two particles at a distance from the second, away from it."""
    positions: NDArray[np.float64] = np.zeros((2, pair.dimensions))
    positions[0, 0] = distance
    with np.errstate(over="ignore", invalid="ignore"):
        return float(TotalForce(forces).force(pair.at(positions))[0, 0])


def _reduced_mass(gas: Gas, i: int, j: int) -> float:
    """1/(1/m_i + 1/m_j); that of the first alone if it is passive and does not move the second."""
    first, second = float(gas.masses[i]), float(gas.masses[j])
    return first * second / (first + second) if gas.is_source[i] else first
