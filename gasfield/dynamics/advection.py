"""Advection: particles follow the force as if it were the velocity of a flow, dx/dt = F(x, t).

The classical Runge-Kutta method of fourth order, which feels a field that changes in time at the times of its stages;
or Euler's method, x <- x + h F, for maps that are a step of it, such as an update of a Hopfield network or a layer of a
network. On the sphere the field is continued to its neighbourhood by f(x) = P F(x/|x|), and the end of each step is
scaled back, which keeps the order (Hairer, Lubich and Wanner, 2006, section IV.4). Where walls are, the end of a step
is folded back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray
from pydantic import Field

from gasfield.dynamics.base import Array, Conditions, Law
from gasfield.dynamics.mechanics import Mechanics
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Advection(Law):
    """Motion along the force, without inertia or noise."""

    looks_ahead: ClassVar[bool] = False
    force_is_velocity: ClassVar[bool] = True

    kind: Literal["advection"] = "advection"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""
    scheme: Literal["runge_kutta", "euler"] = "runge_kutta"
    """Fourth order with four forces a step, or first order with one."""

    def build(self, gas: Gas, conditions: Conditions) -> AdvectionDynamics:
        """The law for this gas.

        Raises:
            InputError: if the run has a bath.
        """
        self.require(conditions)
        at_work = EulerDynamics if self.scheme == "euler" else RungeKuttaDynamics
        return at_work(gas, conditions, self.time_step)


class AdvectionDynamics(Mechanics):
    """What both schemes have in common. A field given by steps stays that of the step at which a step begins."""

    def _slope(self, gas: Gas, places: NDArray[Any], later: float) -> Array:
        """(N, D) velocity of the flow some time later at places, which may lie beside the space."""
        inside = places.copy()
        self.space.settle(inside)
        slope = self.field.force(replace(gas, positions=inside, time=gas.time + later))
        self.space.tangent(inside, slope)
        return slope

    def _go(self, gas: Gas, places: Array) -> None:
        """Moves the gas to places, which may lie beside the space: the end of the step."""
        gas.positions = places
        self.space.settle(gas.positions)
        self._arrive(gas)

    def measures(self, gas: Gas) -> dict[str, float]:
        """Nothing: a flow has no momentum."""
        return {}


class RungeKuttaDynamics(AdvectionDynamics):
    """Four slopes a step."""

    def _step(self, gas: Gas) -> None:
        start, h = gas.positions, self.time_step
        first = self._slope(gas, start, 0.0)
        second = self._slope(gas, start + 0.5 * h * first, 0.5 * h)
        third = self._slope(gas, start + 0.5 * h * second, 0.5 * h)
        fourth = self._slope(gas, start + h * third, h)
        self._go(gas, start + (h / 6.0) * (first + 2.0 * second + 2.0 * third + fourth))


class EulerDynamics(AdvectionDynamics):
    """One slope a step."""

    def _step(self, gas: Gas) -> None:
        start = gas.positions
        self._go(gas, start + self.time_step * self._slope(gas, start, 0.0))
