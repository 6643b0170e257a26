"""Advection: particles follow the force as if it were the velocity of a flow, dx/dt = F(x).

The classical Runge-Kutta method of fourth order. On the sphere the field is continued to its neighbourhood by
f(x) = P F(x/|x|), and the end of each step is scaled back, which keeps the order (Hairer, Lubich and Wanner, 2006,
section IV.4). Where walls are, the end of a step is folded back.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from numpy.typing import NDArray
from pydantic import Field

from gasfield.dynamics.base import Array, Conditions, Law
from gasfield.dynamics.mechanics import Mechanics
from gasfield.gas import Gas


class Advection(Law):
    """Motion along the force, without inertia or noise."""

    looks_ahead: ClassVar[bool] = False

    kind: Literal["advection"] = "advection"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""

    def build(self, gas: Gas, conditions: Conditions) -> AdvectionDynamics:
        """The law for this gas.

        Raises:
            InputError: if the run has a bath.
        """
        self.require(conditions)
        return AdvectionDynamics(gas, conditions, self.time_step)


class AdvectionDynamics(Mechanics):
    """Four slopes a step. The field of the step at which it begins is followed during the whole step."""

    def _step(self, gas: Gas) -> None:
        start, h = gas.positions, self.time_step
        first = self._slope(gas, start)
        second = self._slope(gas, start + 0.5 * h * first)
        third = self._slope(gas, start + 0.5 * h * second)
        fourth = self._slope(gas, start + h * third)
        gas.positions = start + (h / 6.0) * (first + 2.0 * second + 2.0 * third + fourth)
        self.space.settle(gas.positions)
        self._arrive(gas)

    def _slope(self, gas: Gas, places: NDArray[Any]) -> Array:
        """(N, D) velocity of the flow at places, which may lie beside the space."""
        inside = places.copy()
        self.space.settle(inside)
        slope = self.field.force(gas.at(inside))
        self.space.tangent(inside, slope)
        return slope

    def measures(self, gas: Gas) -> dict[str, float]:
        """Nothing: a flow has no momentum."""
        return {}
