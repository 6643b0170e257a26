"""Two wells along the first coordinate: U = b ((x0/w)^2 - 1)^2 + t x0 + 1/2 k sum_(j>0) x_j^2.

Without tilt the minima are at +-w and the barrier between them is b high.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import jit, prange
from pydantic import Field

from gasfield.forces.base import Array, Finite, Force, ForceLaw, Surroundings
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL


class DoubleWell(ForceLaw):
    """Two wells along the first coordinate, one harmonic well along all others."""

    kind: Literal["double_well"] = "double_well"
    barrier: float = Field(1.0, ge=0.0, allow_inf_nan=False)
    """b, height of the barrier [energy]."""
    width: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """w, distance of the minima from the barrier [length]."""
    tilt: Finite = 0.0
    """t [energy/length]: lifts the right well by about t w and lowers the left one as much."""
    stiffness: float = Field(1.0, ge=0.0, allow_inf_nan=False)
    """k of the other coordinates [energy/length^2]."""

    def build(self, surroundings: Surroundings) -> Force:
        """The wells.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("double_well")
        return DoubleWellForce(self)


class DoubleWellForce(Force):
    """The wells at work."""

    conservative = True

    def __init__(self, law: DoubleWell) -> None:
        self._law = law
        self._numbers = (float(law.barrier), float(law.width), float(law.tilt), float(law.stiffness))

    def add(self, gas: Gas, force: Array) -> None:
        _pull(gas.positions, *self._numbers, force)

    def energy(self, gas: Gas) -> Array:
        law, x = self._law, gas.positions
        across: Array = 0.5 * law.stiffness * np.einsum("ij,ij->i", x[:, 1:], x[:, 1:])
        return law.barrier * ((x[:, 0] / law.width) ** 2 - 1.0) ** 2 + law.tilt * x[:, 0] + across

    def laplacian(self, gas: Gas) -> Array:
        law, x = self._law, gas.positions
        along = 4.0 * law.barrier / law.width**2 * (3.0 * (x[:, 0] / law.width) ** 2 - 1.0)
        return np.asarray(along + law.stiffness * (gas.dimensions - 1), np.float64)


@jit(**EXACT_PARALLEL)
def _pull(positions, barrier, width, tilt, stiffness, force):  # type: ignore[no-untyped-def]
    """F_0 -= 4 b ((x0/w)^2 - 1) x0/w^2 + t,  F_j -= k x_j."""
    for i in prange(positions.shape[0]):
        along = positions[i, 0] / width
        force[i, 0] -= 4.0 * barrier * (along * along - 1.0) * along / width + tilt
        for j in range(1, positions.shape[1]):
            force[i, j] -= stiffness * positions[i, j]
