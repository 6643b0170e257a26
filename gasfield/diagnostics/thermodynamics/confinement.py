"""Is there an equilibrium at all: does exp(-U/T) have a finite integral?

The one judgement of all diagnostics that compare with Boltzmann's law or presume it. In a bounded space it always has.
In free space the energy has to rise faster than D T log r in every direction, or be 40 T above that of the gas all
around it (a well that is not left in any run, although exp(-U/T) has no integral in the strict sense):

* particles that do not interact, D <= 3: the box outside of which exp(-U/T) is negligible is sought on grids
  (`quadrature.confined`);
* particles that do not interact, D > 3: on spheres about the gas, each twice as large as the last, the lowest place is
  sought, by descent along the sphere from random and from axis directions; a narrower way out is not found;
* particles that interact: the gas is blown up about its centre, which is one direction of N D dimensions. A gas that
  evaporates is found; that its centre of mass may move freely does not count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import NotApplicable
from gasfield.diagnostics.group import Group, once
from gasfield.errors import InputError
from gasfield.forces import TotalForce
from gasfield.spaces import Space
from gasfield.statistics.quadrature import Energy, Flat, NotConfined, Round, confined

Values = NDArray[np.float64]

UNCONFINED = "nothing confines the particles: exp(-U/T) has no finite integral"
BY_QUADRATURE = 3
"""Dimensions up to which the box that matters is sought on grids."""
_DEEP = 40.0
"""Height above the gas, in T, that is never climbed: exp(-40) = 4e-18 (as in `quadrature.py`)."""
_DOUBLINGS = 24
"""Times that a sphere is doubled: from the spread of the gas to 1.7e7 times that."""
_LATE = 6
"""Last doublings, over which the energy has to rise."""
_DIRECTIONS = 32
_STEPS = 24
"""Steps of descent along each sphere."""
_TURN = 0.2
"""Largest turn in such a step [radians]."""


def require_confined(group: Group) -> None:
    """Refuses a group whose Boltzmann density cannot be normalised.

    Raises:
        NotApplicable: if so, or if its forces are not known.
    """
    if not is_confined(group):
        raise NotApplicable(UNCONFINED)


@once
def is_confined(group: Group) -> bool:
    """Whether exp(-U/T) has a finite integral, at the temperature of the bath in the last frame.

    Without a bath, or where the forces have no potential, nothing is said against it.

    Raises:
        NotApplicable: if the forces are not known.
    """
    from gasfield.diagnostics.thermodynamics.equilibrium import bath_temperature

    space, forces, temperature = group.run.space, group.forces, bath_temperature(group)
    if temperature is None or temperature <= 0.0 or not forces.conservative or is_bounded(space):
        return True
    present = group.present()
    if not present.count or not len(present.steps):
        return True
    if forces.interacting:
        return _rises_by_scale(present, forces, temperature)
    places = space.wrapped(present.frame(-1))
    energy = _potential(present, forces)
    if group.dimensions <= BY_QUADRATURE:
        try:
            domain(space, energy, temperature, places)
        except NotConfined:
            return False
        return True
    return _rises_on_spheres(present, forces, places, temperature)


def is_bounded(space: Space) -> bool:
    """Whether all of a space is within walls or periods."""
    return space.bounded


def domain(space: Space, energy: Energy, temperature: float, places: Values) -> Flat | Round:
    """What exp(-U/T) is integrated over, D <= 3: the space, or the part of it outside of which the integrand is
    negligible, sought from places (M, D) where particles were.

    Raises:
        NotConfined: if there is no such part.
    """
    if space.outer_radius is not None:
        return Round(space.dimensions, space.outer_radius, hollow=space.curved)
    if space.edges is not None:
        half = 0.5 * space.edges[: places.shape[1]]
        return confined(energy, temperature, -half, half, bounded=True)
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.maximum(high - low, 1e-3 + 1e-3 * np.abs(low))
    return confined(energy, temperature, low - margin, high + margin, bounded=False)


def _potential(group: Group, forces: TotalForce) -> Energy:
    """The energy of a lone particle of a group at the end."""

    def energy(places: Values) -> Values:
        with np.errstate(all="ignore"):
            return forces.energy(group.probe(places))

    return energy


def _rises_by_scale(group: Group, forces: TotalForce, temperature: float) -> bool:
    """Whether the energy of all particles together rises faster than N D T log s as the gas is blown up by s."""
    gas = group.gas(-1)
    middle = gas.positions.mean(axis=0)
    scales = 2.0 ** np.arange(_DOUBLINGS + 1)
    totals = np.empty(len(scales))
    for i, scale in enumerate(scales):
        with np.errstate(all="ignore"):
            try:
                totals[i] = np.sum(forces.energy(gas.at(middle + scale * (gas.positions - middle))))
            except InputError:
                return True
    return _rises(totals, group.count * group.dimensions * temperature, totals[0] + group.count * _DEEP * temperature)


def _rises_on_spheres(group: Group, forces: TotalForce, places: Values, temperature: float) -> bool:
    """Whether the lowest energy found on spheres (free space, any D) rises faster than D T log r."""
    middle = places.mean(axis=0)
    reach = max(float(np.sqrt(np.sum(np.var(places, axis=0)))), 1e-3 + 1e-3 * float(np.linalg.norm(middle)))
    dimensions = places.shape[1]
    drawn = np.random.default_rng(0).normal(size=(_DIRECTIONS, dimensions))
    axes = np.eye(dimensions)[:: -(-dimensions // _DIRECTIONS)]
    ways = np.concatenate([drawn, axes, -axes])
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    lowest = []
    for radius in reach * 2.0 ** np.arange(_DOUBLINGS + 1):
        with np.errstate(all="ignore"):
            for _ in range(_STEPS if radius < 64.0 * reach else 2):
                ways = _downhill(ways, forces.force(group.probe(middle + radius * ways)))
            lowest.append(_least(forces.energy(group.probe(middle + radius * ways))))
    here = float(np.median(forces.energy(group.probe(places))))
    return _rises(np.array(lowest), dimensions * temperature, here + _DEEP * temperature)


def _downhill(ways: Values, force: Values) -> Values:
    """Directions (M, D) turned along the sphere by the force, by at most `_TURN` (in all, for the steepest)."""
    along = force - np.sum(force * ways, axis=1)[:, None] * ways
    slopes = np.linalg.norm(along, axis=1)
    usual = np.maximum(np.linalg.norm(force, axis=1), 1e-300)
    usable = np.isfinite(slopes) & (slopes > 0)
    turn = np.where(usable, _TURN * np.minimum(3.0 * slopes / usual, 1.0) / np.where(usable, slopes, 1.0), 0.0)
    turned = ways + turn[:, None] * np.where(usable[:, None], along, 0.0)
    return np.asarray(turned / np.linalg.norm(turned, axis=1)[:, None])


def _least(energies: Values) -> float:
    """The lowest of some energies; what is not a number is infinite."""
    return float(np.min(np.where(np.isnan(energies), np.inf, energies)))


def _rises(energies: Values, heat: float, high: float) -> bool:
    """Whether energies at doubling distances rise by more than `heat` log 2 in each of the last doublings, become
    infinite, or end above `high`."""
    late = np.where(np.isnan(energies), np.inf, energies)[-_LATE:]
    if np.isposinf(late[-1]):
        return True
    if not np.isfinite(late).all():
        return False
    return bool(np.all(np.diff(late) > heat * np.log(2.0)) or np.all(late > high))
