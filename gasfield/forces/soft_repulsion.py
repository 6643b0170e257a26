"""Soft spheres: particles that come nearer than a range push each other apart, U(r) = e (1 - (r/a)^2)^3 for r < a.

The power is the least for which force and its derivative are continuous where the force begins, so that velocity Verlet
keeps its second order; a quadratic U, as in dissipative particle dynamics (Groot and Warren 1997), has a jump there. As
a function of r^2 the energy is smooth at r = 0 too, so that particles may sit on each other (the force is then zero)
and no root is taken. With u = r^2/a^2 and ' = d/du, for a pair in D coordinates d:

    F = -2 U' d/a^2,    r . F = -2 u U',    Laplacian by either place = (4 u U'' + 2 D U')/a^2

On the sphere r is the chord through the space around it, not the arc; the law of motion takes the tangent part.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import jit, prange
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.near import BLOCK, Crowd, nearest, square_distances
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.spec import Spec


class SoftRepulsion(Spec):
    """Pushes near particles apart. Passive tracers are pushed and do not push."""

    kind: Literal["soft_repulsion"] = "soft_repulsion"
    strength: float = Field(ge=0.0, allow_inf_nan=False)
    """e, energy of two particles at one place [energy]."""
    range: float = Field(gt=0.0, allow_inf_nan=False)
    """a, the distance at which they begin to feel each other [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """The repulsion.

        Raises:
            InputError: if a periodic side is less than twice the range, so that a particle would meet another twice.
        """
        periods = surroundings.space.periods
        narrow = periods[(periods > 0.0) & (periods < 2.0 * self.range)]
        if len(narrow):
            raise InputError(
                f"soft_repulsion: the side {narrow.min():g} of the periodic box is smaller than twice the range, "
                f"{2.0 * self.range:g}: a particle would feel another and its image. Enlarge the box, or take a "
                f"range of at most {0.5 * narrow.min():g}."
            )
        return SoftRepulsionForce(self, periods)


class SoftRepulsionForce(Force):
    """The repulsion at work."""

    conservative = True
    interacting = True
    mutual = True

    def __init__(self, law: SoftRepulsion, periods: Array) -> None:
        self._strength, self._range2 = float(law.strength), float(law.range) ** 2
        self._periods = periods

    def add(self, gas: Gas, force: Array) -> None:
        _push(*Crowd.of(gas, self._periods), self._strength, self._range2, force)

    def energy(self, gas: Gas) -> Array:
        energy: Array = self._sums(gas)[0]
        return energy * np.where(gas.pushes, 0.5, 1.0)

    def laplacian(self, gas: Gas) -> Array:
        laplacian: Array = self._sums(gas)[1]
        return laplacian

    def virial(self, gas: Gas) -> float:
        if not self._periods.any():
            return super().virial(gas)
        return 0.5 * float(self._sums(gas)[2].sum())

    def _sums(self, gas: Gas) -> Array:
        """(3, N) energy, Laplacian and r . F of each particle, added up over its pairs with those that push."""
        sums = np.zeros((gas.count, 3))
        _sum_pairs(*Crowd.of(gas, self._periods), self._strength, self._range2, sums)
        return np.ascontiguousarray(sums.T)


@jit(**EXACT_PARALLEL)
def _push(places, others, rows, sides, strength, range2, force):  # type: ignore[no-untyped-def]
    """F_i += sum_j 6 e/a^2 (1 - r^2/a^2)^2 (x_i - x_j)."""
    for i in prange(places.shape[0]):
        squared = np.empty(BLOCK)
        for start in range(0, rows.size, BLOCK):
            stop = min(start + BLOCK, rows.size)
            if square_distances(places[i], others, start, stop, sides, range2, squared) == 0:
                continue
            for b in range(stop - start):
                if squared[b] < range2:  # of a particle and itself too: its force on itself is zero
                    inside = 1.0 - squared[b] / range2
                    factor = 6.0 * strength / range2 * inside * inside
                    for k in range(sides.size):
                        force[i, k] += factor * nearest(places[i, k], others[k, start + b], sides[k])


@jit(**EXACT_PARALLEL)
def _sum_pairs(places, others, rows, sides, strength, range2, sums):  # type: ignore[no-untyped-def]
    """sums_i += (U, Laplacian of U, r . F) of each pair of particle i."""
    for i in prange(places.shape[0]):
        squared = np.empty(BLOCK)
        for start in range(0, rows.size, BLOCK):
            stop = min(start + BLOCK, rows.size)
            if square_distances(places[i], others, start, stop, sides, range2, squared) == 0:
                continue
            for b in range(stop - start):
                if squared[b] < range2 and rows[start + b] != i:
                    u = squared[b] / range2
                    inside = 1.0 - u
                    first, second = -3.0 * strength * inside * inside, 6.0 * strength * inside
                    sums[i, 0] += strength * inside * inside * inside
                    sums[i, 1] += (4.0 * u * second + 2.0 * sides.size * first) / range2
                    sums[i, 2] -= 2.0 * u * first
