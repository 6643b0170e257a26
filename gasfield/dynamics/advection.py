"""Advection: the force is used as the velocity of a flow, dx/dt = F(x, t).

Either the classical fourth-order Runge-Kutta method, which evaluates time-dependent fields at the times of its stages;
or the explicit Euler method, x <- x + h F, for maps that are one such step, like an update of a Hopfield network or a
layer of a network. On the sphere the field is extended to a neighbourhood by f(x) = P F(x/|x|), and the end of each
step is projected back, which preserves the order (Hairer, Lubich and Wanner, 2006, section IV.4). At walls, the end of
a step is reflected into the space.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray
from pydantic import Field

from gasfield.dynamics.base import Array, Conditions, DynamicsSpec
from gasfield.dynamics.mechanics import Mechanics
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Advection(DynamicsSpec):
    """Motion along the force, without inertia or noise."""

    looks_ahead: ClassVar[bool] = False
    force_is_velocity: ClassVar[bool] = True

    kind: Literal["advection"] = "advection"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""
    scheme: Literal["runge_kutta", "euler"] = "runge_kutta"
    """Fourth order with four force evaluations per step, or first order with one."""

    def build(self, gas: Gas, conditions: Conditions) -> AdvectionDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if the run has a bath.
        """
        self.require(conditions)
        at_work = EulerDynamics if self.scheme == "euler" else RungeKuttaDynamics
        return at_work(gas, conditions, self.time_step)


class AdvectionDynamics(Mechanics):
    """The base of both schemes. A field recorded by step is that of the start of the step at all stages."""

    def _slope(self, gas: Gas, places: NDArray[Any], later: float) -> Array:
        """(N, D) velocity of the flow some time later at positions, which may be outside the space."""
        inside = places.copy()
        self.space.settle(inside)
        slope = self.field.force(replace(gas, positions=inside, time=gas.time + later))
        self.space.tangent(inside, slope)
        return slope

    def _go(self, gas: Gas, places: Array) -> None:
        """Ends the step at positions that may be outside the space."""
        gas.positions = places
        self.space.settle(gas.positions)
        self._arrive(gas)

    def measures(self, gas: Gas) -> dict[str, float]:
        """None: a flow has no momentum."""
        return {}


class RungeKuttaDynamics(AdvectionDynamics):
    """The classical fourth-order scheme."""

    def _step(self, gas: Gas) -> None:
        start, h = gas.positions, self.time_step
        first = self._slope(gas, start, 0.0)
        second = self._slope(gas, start + 0.5 * h * first, 0.5 * h)
        third = self._slope(gas, start + 0.5 * h * second, 0.5 * h)
        fourth = self._slope(gas, start + h * third, h)
        self._go(gas, start + (h / 6.0) * (first + 2.0 * second + 2.0 * third + fourth))


class EulerDynamics(AdvectionDynamics):
    """The explicit Euler scheme."""

    def _step(self, gas: Gas) -> None:
        start = gas.positions
        self._go(gas, start + self.time_step * self._slope(gas, start, 0.0))
