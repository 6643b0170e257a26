"""Steepest descent of many places in a field, with a bound on its work.

A step for each place grows while the energy falls and shrinks where it does not, and is never so long that it could
leap over a hill unseen. A descent has come to rest where its steps have shrunk to nothing; it runs away where the
energy still falls when strides are doubled again and again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.group import Group
from gasfield.forces import TotalForce
from gasfield.spaces import Space

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

WORK = 24_000_000
"""Coordinates at which energies and forces are evaluated in all for one group: seconds, whatever D is."""
USUAL = 600
"""Evaluations that one descent usually takes."""
_STEPS = 2000
_ROUND = 250
"""Steps between two looks for descents that run away."""
_STRIDE = 0.05
"""The longest step, in parts of the spread of the places along one coordinate."""
_STRIDE_LEAST = 0.01
"""The same in parts of the whole spread: in many dimensions, where more steps would cost too much."""
_REST = 1e-10
"""Steps shorter than this part of the spread end a descent."""
_AWAY = 30.0
"""Distance from the middle of the places, in spreads, from which it is tried whether a descent runs away."""
_DOUBLINGS = 40
_AT_WALL = 1e-9
"""Distance from a wall, in parts of the size of the space, at which a place is at the wall."""
_TINY = 1e-300


@dataclass
class Slope:
    """The field that places run down, with a tally of its evaluations.

    Attributes:
        group: whose particles are taken.
        fields: that act on them.
        space: that they are in.
        work: coordinates that may still be evaluated; below 0 where more were.
    """

    group: Group
    fields: TotalForce
    space: Space
    work: int = field(default=WORK)

    def energy(self, places: Values) -> Values:
        """(M,) at places (M, D); infinite where it is not a number."""
        self.work -= places.size
        with np.errstate(all="ignore"):
            energies = self.fields.energy(self.group.probe(places))
        return np.where(np.isnan(energies), np.inf, energies)

    def force(self, places: Values) -> Values:
        """(M, D) at places (M, D), without what pushes against a wall; 0 where it is not finite."""
        self.work -= places.size
        with np.errstate(all="ignore"):
            force = self.fields.force(self.group.probe(places))
        force[~np.isfinite(force).all(axis=1)] = 0.0
        self.space.tangent(places, force)
        self._slide(places, force)
        return force

    def keep(self, places: Values) -> None:
        """Brings places (M, D) that are outside of the space back to its wall, in place: the nearest place of it."""
        radius, edges = self.space.outer_radius, self.space.edges
        if edges is not None and self.space.wall_area > 0:
            np.clip(places, -0.5 * edges, 0.5 * edges, out=places)
        elif radius is not None and not self.space.curved:
            places *= np.minimum(1.0, radius / np.maximum(np.linalg.norm(places, axis=1), _TINY))[:, None]
        else:
            self.space.settle(places)

    def _slide(self, places: Values, force: Values) -> None:
        """Removes the components of forces (M, D) that push against a wall at places (M, D), in place."""
        radius, edges = self.space.outer_radius, self.space.edges
        if edges is not None and self.space.wall_area > 0:
            force[(np.abs(places) >= 0.5 * (1.0 - _AT_WALL) * edges) & (force * places > 0)] = 0.0
        elif radius is not None and not self.space.curved:
            distance = np.linalg.norm(places, axis=1)
            normal = places / np.maximum(distance, _TINY)[:, None]
            push = np.sum(force * normal, axis=1)
            force -= np.where((distance >= radius * (1.0 - _AT_WALL)) & (push > 0), push, 0.0)[:, None] * normal


@dataclass(frozen=True)
class Ends:
    """Where descents ended.

    Attributes:
        places: (M, D) [length].
        energies: (M,) there.
        rested: (M,) whether the descent came to rest.
        ran_away: (M,) whether the energy falls without end along its way.
        spread: of the places at which they began: the root mean square distance from their middle [length].
        force: root mean square force there [energy/length].
    """

    places: Values
    energies: Values
    rested: Flags
    ran_away: Flags
    spread: float
    force: float


def descend(places: Values, slope: Slope) -> Ends:
    """Runs down from places (M, D)."""
    here = np.ascontiguousarray(places, np.float64).copy()
    slope.keep(here)
    middle = here.mean(axis=0)
    spread = max(float(np.sqrt(np.mean(np.sum((here - middle) ** 2, axis=1)))), _least_length(here))
    energy, force = slope.energy(here), slope.force(here)
    usual = float(np.sqrt(np.mean(np.sum(force**2, axis=1))))
    stride = spread * max(_STRIDE / np.sqrt(places.shape[1]), _STRIDE_LEAST)
    steps = np.full(len(here), 0.2 * stride / max(usual, _TINY))
    moving, away = np.ones(len(here), bool), np.zeros(len(here), bool)
    for _ in range(_STEPS // _ROUND):
        _go_on(here, energy, force, steps, moving, stride, _REST * spread, slope)
        if not slope.space.bounded:
            far = np.flatnonzero(moving & (np.linalg.norm(here - middle, axis=1) > _AWAY * spread))
            away[far] = runs_away(here[far], energy[far], stride, slope)
            moving &= ~away
        if not moving.any() or slope.work <= 0:
            break
    if not slope.space.bounded:
        left = np.flatnonzero(moving)
        away[left] = runs_away(here[left], energy[left], stride, slope)
    return Ends(here, energy, ~moving & ~away, away, spread, usual)


def _go_on(
    here: Values, energy: Values, force: Values, steps: Values, moving: Flags, stride: float, rest: float, slope: Slope
) -> None:
    """Takes `_ROUND` more steps in place; `moving` (M,) is cleared for those that come to rest."""
    for _ in range(_ROUND):
        rows = np.flatnonzero(moving)
        if not len(rows) or slope.work <= 0:
            return
        slopes = np.linalg.norm(force[rows], axis=1)
        with np.errstate(over="ignore"):
            steps[rows] = np.minimum(steps[rows], stride / np.maximum(slopes, _TINY))
        there = here[rows] + steps[rows, None] * force[rows]
        slope.keep(there)
        new = slope.energy(there)
        lower = new < energy[rows]
        better = rows[lower]
        here[better], energy[better] = there[lower], new[lower]
        if len(better):
            force[better] = slope.force(here[better])
        steps[rows] *= np.where(lower, 1.3, 0.4)
        moving[rows[~lower & (steps[rows] * slopes < rest)]] = False


def runs_away(places: Values, energies: Values, stride: float, slope: Slope) -> Flags:
    """(M,) whether the energy keeps falling from places (M, D) along strides that double until they are 5e10 spreads
    long, or falls to minus infinity."""
    here, energy, falls = places.copy(), energies.copy(), np.ones(len(places), bool)
    for doubling in range(_DOUBLINGS):
        rows = np.flatnonzero(falls & (energy > -np.inf))
        if not len(rows):
            break
        force = slope.force(here[rows])
        slopes = np.linalg.norm(force, axis=1)
        here[rows] += stride * 2.0**doubling * force / np.maximum(slopes, _TINY)[:, None]
        new = slope.energy(here[rows])
        falls[rows] = (new < energy[rows]) & (slopes > 0)
        energy[rows] = new
    return falls


def _least_length(places: Values) -> float:
    """The length taken for the spread of places that coincide."""
    return 1e-6 * max(float(np.max(np.abs(places), initial=0.0)), 1e-6)
