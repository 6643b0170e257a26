"""A force that turns: F = omega J x, J turning each of the planes (x0, x1), (x2, x3), ... by a right angle.

It does work on whoever goes round, so it is no gradient. Added to a harmonic well it leaves the histogram of Brownian
motion as it is (div J x = 0, and J x is tangent to the level sets of |x|) and drives a current through it.
"""

from __future__ import annotations

from typing import Literal

from numba import jit, prange

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, ForceLaw, Surroundings, not_conservative
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL


class Circulation(ForceLaw):
    """Drives every particle round the origin, in every plane alike; an odd last coordinate is left alone."""

    kind: Literal["circulation"] = "circulation"
    rate: Finite
    """omega [energy/length^2]; counter-clockwise where positive."""

    def build(self, surroundings: Surroundings) -> Force:
        """The drive.

        Raises:
            InputError: if there is no plane to turn in, or the space is periodic.
        """
        surroundings.require_no_period("circulation")
        if surroundings.dimensions < 2:
            raise InputError(
                f"circulation turns planes: it needs 2 dimensions or more, the space has {surroundings.dimensions}."
            )
        return CirculationForce(self.rate)


class CirculationForce(Force):
    """The drive at work."""

    conservative = False

    def __init__(self, rate: float) -> None:
        self._rate = float(rate)

    def add(self, gas: Gas, force: Array) -> None:
        _turn(gas.positions, self._rate, force)

    def energy(self, gas: Gas) -> Array:
        raise not_conservative("circulation")

    def laplacian(self, gas: Gas) -> Array:
        raise not_conservative("circulation")


@jit(**EXACT_PARALLEL)
def _turn(positions, rate, force):  # type: ignore[no-untyped-def]
    """(F_2k, F_2k+1) += omega (-x_2k+1, x_2k)."""
    for i in prange(positions.shape[0]):
        for k in range(positions.shape[1] // 2):
            force[i, 2 * k] -= rate * positions[i, 2 * k + 1]
            force[i, 2 * k + 1] += rate * positions[i, 2 * k]
