"""A uniform force: U = -F . x; per charge it is an electric field, per mass gravity.

In a periodic space U would differ between a position and its images: the force does work around the period, so it is
not a gradient there.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from gasfield.forces.base import Array, Force, ForceSpec, Pointwise, Surroundings, not_conservative, of_dimension
from gasfield.forces.charges import require_charges
from gasfield.forces.external import for_kernels
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class Constant(ForceSpec):
    """A uniform force on every particle."""

    uniform: ClassVar[bool] = True

    kind: Literal["constant"] = "constant"
    force: tuple[Strength, ...]
    """D components [energy/length], for each particle or for each unit of its mass or charge."""
    per: Literal["particle", "mass", "charge"] = "particle"
    """What the force is proportional to; per charge it is a uniform electric field."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force, which has an energy unless the space is periodic.

        Raises:
            InputError: if there are not D components.
        """
        force = of_dimension(self.force, surroundings.dimensions, "force")
        return ConstantForce(force, self.per, periodic=bool(surroundings.space.periods.any()))


class ConstantForce(Force):
    """The built force."""

    def __init__(self, force: Array, per: Literal["particle", "mass", "charge"], *, periodic: bool) -> None:
        self._force, self._per = force, per
        self.conservative = not periodic

    def check_gas(self, gas: Gas) -> None:
        if self._per == "charge":
            require_charges(gas)

    def pointwise(self, gas: Gas) -> Pointwise | None:
        return Pointwise(everywhere, for_kernels((self._force,))) if self._per == "particle" else None

    def add(self, gas: Gas, force: Array) -> None:
        force += self._amounts(gas)[:, None] * self._force

    def energy(self, gas: Gas) -> Array:
        if not self.conservative:
            raise not_conservative("constant in a periodic space")
        energy: Array = -self._amounts(gas) * np.einsum("ij,j->i", gas.positions, self._force)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        if not self.conservative:
            raise not_conservative("constant in a periodic space")
        return np.zeros(gas.count)

    def _amounts(self, gas: Gas) -> Array:
        """(N,) the quantity to which the force is proportional."""
        return {"particle": np.ones(gas.count), "mass": gas.masses, "charge": gas.charges}[self._per]

    def virial(self, gas: Gas) -> float:
        return super().virial(gas) if self.conservative else 0.0


@pointwise_kernel
def everywhere(x, p, force):  # type: ignore[no-untyped-def]
    """The same force at every place."""
    for j in range(x.size):
        force[j] += p[0][j]
