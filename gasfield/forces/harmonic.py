"""A harmonic well: U = 1/2 sum_j k_j (x_j - c_j)^2."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numba import jit, prange
from pydantic import Field

from gasfield.forces.base import Array, Finite, Force, ForceLaw, Surroundings, of_dimension
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL

Stiffness = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Harmonic(ForceLaw):
    """Pulls every particle to a centre, in proportion to its distance along each coordinate."""

    kind: Literal["harmonic"] = "harmonic"
    stiffness: Stiffness | tuple[Stiffness, ...]
    """k, or one k for each coordinate; 0 for a coordinate that is free [energy/length^2]."""
    centre: tuple[Finite, ...] | None = None
    """c, D coordinates; the origin if left out [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """The well.

        Raises:
            InputError: if numbers do not fit the dimensions, or the space is periodic.
        """
        surroundings.require_no_period("harmonic")
        d = surroundings.dimensions
        stiffness = self.stiffness if isinstance(self.stiffness, tuple) else (self.stiffness,) * d
        centre = (0.0,) * d if self.centre is None else self.centre
        return HarmonicForce(
            of_dimension(stiffness, d, "harmonic: stiffness"), of_dimension(centre, d, "harmonic: centre")
        )


class HarmonicForce(Force):
    """The well at work."""

    conservative = True

    def __init__(self, stiffness: Array, centre: Array) -> None:
        self._stiffness, self._centre = stiffness, centre

    def add(self, gas: Gas, force: Array) -> None:
        _pull(gas.positions, self._stiffness, self._centre, force)

    def energy(self, gas: Gas) -> Array:
        energy: Array = 0.5 * np.einsum("ij,j->i", (gas.positions - self._centre) ** 2, self._stiffness)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        return np.full(gas.count, self._stiffness.sum())


@jit(**EXACT_PARALLEL)
def _pull(positions, stiffness, centre, force):  # type: ignore[no-untyped-def]
    """force_ij -= k_j (x_ij - c_j)."""
    for i in prange(positions.shape[0]):
        for j in range(positions.shape[1]):
            force[i, j] -= stiffness[j] * (positions[i, j] - centre[j])
