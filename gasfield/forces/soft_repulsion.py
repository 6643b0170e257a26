"""Soft spheres: particles that come nearer than a range push each other apart, U(r) = e (1 - (r/a)^2)^3 for r < a.

The power is the least for which force and its derivative are continuous where the force begins, so that velocity Verlet
keeps its second order; as a function of r^2 the energy is smooth at r = 0, so that particles may sit on each other (the
force is then zero) and no root is taken. On the sphere r is the chord, not the arc.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import jit, prange
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.gas import Gas
from gasfield.kernels.flags import FAST, FAST_PARALLEL
from gasfield.spec import Spec


class SoftRepulsion(Spec):
    """Pushes near particles apart. Passive tracers are pushed and do not push."""

    kind: Literal["soft_repulsion"] = "soft_repulsion"
    strength: float = Field(gt=0.0, allow_inf_nan=False)
    """e, energy of two particles at one place [energy]."""
    range: float = Field(gt=0.0, allow_inf_nan=False)
    """a, the distance at which they begin to feel each other [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """The repulsion.

        Raises:
            InputError: if a periodic side is less than twice the range, so that a particle would meet another twice.
        """
        sides = surroundings.space.periods
        narrow = sides[(sides > 0.0) & (sides < 2.0 * self.range)]
        if len(narrow):
            raise InputError(
                f"soft_repulsion: the periodic box has a side of {narrow.min():g}, smaller than twice the range "
                f"({2.0 * self.range:g}), so that a particle would meet another and its image; enlarge the box."
            )
        return SoftRepulsionForce(self, sides)


class SoftRepulsionForce(Force):
    """The repulsion at work."""

    conservative = True
    interacting = True
    mutual = True

    def __init__(self, law: SoftRepulsion, sides: Array) -> None:
        self._strength, self._range2 = float(law.strength), float(law.range) ** 2
        self._sides = np.ascontiguousarray(sides, np.float64)
        self._inverse = np.divide(1.0, sides, out=np.zeros(len(sides)), where=sides > 0.0)

    def add(self, gas: Gas, force: Array) -> None:
        _push(*self._of(gas), force)

    def energy(self, gas: Gas) -> Array:
        return self._sums(gas)[:, 0].copy()

    def laplacian(self, gas: Gas) -> Array:
        return self._sums(gas)[:, 1].copy()

    def virial(self, gas: Gas) -> float:
        return float(self._sums(gas)[:, 2].sum())

    def _of(self, gas: Gas) -> tuple[Array, np.ndarray, Array, Array, float, float]:
        return gas.positions, gas.pushes, self._sides, self._inverse, self._strength, self._range2

    def _sums(self, gas: Gas) -> Array:
        sums = np.zeros((gas.count, 3))
        _sum_pairs(*self._of(gas), sums)
        return sums


@jit(**FAST)
def _square_distance(positions, i, j, sides, inverse, range2):  # type: ignore[no-untyped-def]
    """r^2 between nearest images; what is beyond the range already along some coordinates is not finished."""
    r2 = 0.0
    for k in range(positions.shape[1]):
        d = positions[i, k] - positions[j, k]
        d -= sides[k] * np.rint(d * inverse[k])
        r2 += d * d
        if r2 >= range2:
            break
    return r2


@jit(**FAST_PARALLEL)
def _push(positions, pushes, sides, inverse, strength, range2, force):  # type: ignore[no-untyped-def]
    """F_i += sum_j 6 e/a^2 (1 - r^2/a^2)^2 (x_i - x_j), over those that push."""
    for i in prange(positions.shape[0]):
        for j in range(positions.shape[0]):
            if j == i or not pushes[j]:
                continue
            r2 = _square_distance(positions, i, j, sides, inverse, range2)
            if r2 < range2:
                inside = 1.0 - r2 / range2
                factor = 6.0 * strength / range2 * inside * inside
                for k in range(positions.shape[1]):
                    d = positions[i, k] - positions[j, k]
                    force[i, k] += factor * (d - sides[k] * np.rint(d * inverse[k]))


@jit(**FAST_PARALLEL)
def _sum_pairs(positions, pushes, sides, inverse, strength, range2, sums):  # type: ignore[no-untyped-def]
    """For each particle: its energy, the Laplacian of the total energy, its part of the virial.

    A pair in which both push is met twice, so each meeting counts half; a passive particle meets its pairs once. The
    Laplacian by the place of particle i has the whole curvature of each of its pairs: with u = r^2/a^2 and
    U = e (1 - u)^3 it is 4 u U''/a^2 + 2 D U'/a^2, where ' is d/du.
    """
    dimensions = positions.shape[1]
    for i in prange(positions.shape[0]):
        part = 0.5 if pushes[i] else 1.0
        for j in range(positions.shape[0]):
            if j == i or not pushes[j]:
                continue
            r2 = _square_distance(positions, i, j, sides, inverse, range2)
            if r2 < range2:
                inside = 1.0 - r2 / range2
                first, second = -3.0 * strength * inside * inside, 6.0 * strength * inside
                sums[i, 0] += part * strength * inside * inside * inside
                sums[i, 1] += (4.0 * r2 / range2 * second + 2.0 * dimensions * first) / range2
                sums[i, 2] -= part * 2.0 * r2 / range2 * first
