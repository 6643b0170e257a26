"""A force that is the same everywhere: U = -F . x."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gasfield.forces.base import Array, Force, Surroundings, not_conservative, of_dimension
from gasfield.gas import Gas
from gasfield.spec import Spec


class Constant(Spec):
    """Pushes every particle alike."""

    kind: Literal["constant"] = "constant"
    force: tuple[float, ...]
    """D components [energy/length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """The push. In a periodic space it has no energy: going round once would have to lower it.

        Raises:
            InputError: if there are not D components.
        """
        force = of_dimension(self.force, surroundings.dimensions, "constant: force")
        return ConstantForce(force, periodic=bool(surroundings.space.periods.any()))


class ConstantForce(Force):
    """The push at work."""

    def __init__(self, force: Array, *, periodic: bool) -> None:
        self._force = force
        self.conservative = not periodic

    def add(self, gas: Gas, force: Array) -> None:
        force += self._force

    def energy(self, gas: Gas) -> Array:
        if not self.conservative:
            raise not_conservative("constant in a periodic space")
        energy: Array = -(gas.positions @ self._force)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        if not self.conservative:
            raise not_conservative("constant in a periodic space")
        return np.zeros(gas.count)
