"""The Andersen thermostat: Newton's equations, with velocities redrawn from the bath at random times.

In a time h each particle collides with the bath with probability 1 - exp(-nu h) (Andersen, 1980). Canonical to the
order of velocity Verlet; in a harmonic well <x^2> = T / (k (1 - (omega h)^2/4)) and <v^2> = T/m exactly, as for OBABO.
Velocity correlations, and hence diffusion, are those of the collisions: of a free particle T/(m nu) for small steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from numba import prange
from pydantic import Field

from gasfield.dynamics.base import Conditions, DynamicsSpec, FreeDiffusion
from gasfield.dynamics.mechanics import Splitting, velocities_of, verlet_limit
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.philox import uniforms
from gasfield.registry import register
from gasfield.streams import Stream


@register
class Andersen(DynamicsSpec):
    """Newton's equations with collisions of single particles with a bath."""

    thermal: ClassVar[bool] = True
    exchanges: ClassVar[bool] = True
    has_velocities: ClassVar[bool] = True
    rotates_velocities: ClassVar[bool] = True

    kind: Literal["andersen"] = "andersen"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""
    collision_rate: float = Field(gt=0.0, allow_inf_nan=False)
    """nu [1/time]: collisions of each particle with the bath."""

    def stiffness_limit(self, mass: float) -> float:
        """Of velocity Verlet."""
        return verlet_limit(mass, self.time_step)

    @property
    def free_diffusion(self) -> FreeDiffusion | None:
        """(h/2) coth(nu h/2): a flight of h keeps its velocity with probability exp(-nu h)."""
        return FreeDiffusion.of_velocities(self.collision_rate, self.time_step)

    def build(self, gas: Gas, conditions: Conditions) -> AndersenDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if the run has no bath.
        """
        self.require(conditions)
        return AndersenDynamics(self, gas, conditions)


class AndersenDynamics(Splitting):
    """Kick, drift, kick, collide."""

    def __init__(self, law: Andersen, gas: Gas, conditions: Conditions) -> None:
        self._rate = law.collision_rate
        super().__init__(gas, conditions, law.time_step, "BABC")

    def _pieces(self) -> dict[str, Callable[[Gas, float], None]]:
        return super()._pieces() | {"C": self._collide}

    def _collide(self, gas: Gas, span: float) -> None:
        chance = np.empty(gas.count)
        uniforms(chance, gas.ids, self.seed, int(Stream.COLLISIONS), gas.step)
        noise = self._normals(gas, Stream.BATH)
        meets = chance < -np.expm1(-self._rate * span)
        _take_from_bath(velocities_of(gas), noise, meets, self._temperatures(gas), gas.masses, self._heat)


@jit(**EXACT_PARALLEL)
def _take_from_bath(velocities, noise, meets, temperatures, masses, heat):  # type: ignore[no-untyped-def]
    """v_i <- sqrt(T_i/m_i) R_i for those that collide; the lost kinetic energy is added to their heat."""
    for i in prange(velocities.shape[0]):
        if meets[i]:
            width = np.sqrt(temperatures[i] / masses[i])
            lost = 0.0
            for j in range(velocities.shape[1]):
                after = width * noise[i, j]
                lost += velocities[i, j] * velocities[i, j] - after * after
                velocities[i, j] = after
            heat[i] += 0.5 * masses[i] * lost
