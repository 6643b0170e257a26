"""Newton's equations by velocity Verlet.

    v <- v + F h/2m,   x <- x + v h,   v <- v + F h/2m          (Verlet, 1967; Swope et al., 1982)

Symplectic and of second order: the energy error stays bounded and scales as h^2; total momentum is conserved if forces
are mutual, angular momentum if they are central.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gasfield.dynamics.base import Conditions
from gasfield.dynamics.mechanics import MechanicsSpec, Splitting, keeps_momentum, verlet_limit
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Newton(MechanicsSpec):
    """Newton's equations of motion, by velocity Verlet."""

    has_velocities: ClassVar[bool] = True
    rotates_velocities: ClassVar[bool] = True
    conserves_energy: ClassVar[bool] = True

    kind: Literal["newton"] = "newton"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""

    def stiffness_limit(self, mass: float) -> float:
        """Of velocity Verlet."""
        return verlet_limit(mass, self.time_step)

    def build(self, gas: Gas, conditions: Conditions) -> NewtonDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if the run has a bath.
        """
        self.require(conditions)
        return NewtonDynamics(self, gas, conditions)


class NewtonDynamics(Splitting):
    """Kick, drift, kick."""

    def __init__(self, law: Newton, gas: Gas, conditions: Conditions) -> None:
        super().__init__(gas, conditions, law.time_step, "BAB", law.precision)
        self.keeps_momentum = keeps_momentum(conditions, gas)

    def measures(self, gas: Gas) -> dict[str, float]:
        """`conserved`: the total energy, if it is defined."""
        measures = super().measures(gas)
        if self.field.conservative and self.field.steady:
            measures["conserved"] = float(gas.kinetic_energies().sum() + self.field.energy(gas).sum())
        return measures

    def degrees_of_freedom(self, gas: Gas) -> int:
        """D N, less D (at most all) if total momentum is conserved."""
        kept = gas.dimensions if self.keeps_momentum else 0
        return max(super().degrees_of_freedom(gas) - kept, 0)
