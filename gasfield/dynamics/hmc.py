"""Hamiltonian (hybrid) Monte Carlo: a velocity-Verlet trajectory from fresh velocities, accepted by its energy error.

Duane, Kennedy, Pendleton and Roweth (1987); on the sphere along great circles (Byrne and Girolami, 2013). The
Metropolis-adjusted Langevin algorithm has a trajectory of a single step (Roberts and Tweedie, 1996): `Mala` is
parametrised as Brownian motion, by a time step h that moves by F h + sqrt(2 T h) R for unit masses.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from gasfield.dynamics.base import Conditions, FreeDiffusion
from gasfield.dynamics.mechanics import scale_noise, velocities_of
from gasfield.dynamics.monte_carlo import MonteCarlo, MonteCarloDynamics
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.streams import Stream


@register
class Hmc(MonteCarlo):
    """Hamiltonian Monte Carlo."""

    has_velocities: ClassVar[bool] = True

    kind: Literal["hmc"] = "hmc"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h of velocity Verlet [time]."""
    leapfrog_steps: int = Field(10, ge=1)
    """Steps of velocity Verlet in one proposal."""

    @property
    def free_diffusion(self) -> FreeDiffusion:
        """(L h)^2/2, of L Verlet steps in one unit of time: free flights, all accepted, from fresh velocities."""
        return FreeDiffusion(0.5 * (self.leapfrog_steps * self.time_step) ** 2)

    def build(self, gas: Gas, conditions: Conditions) -> HmcDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if there is no Boltzmann distribution to sample, or `accept` would not preserve it.
        """
        self.require(conditions)
        return HmcDynamics(self, gas, conditions, self.time_step, self.leapfrog_steps)


@register
class Mala(MonteCarlo):
    """The Metropolis-adjusted Langevin algorithm."""

    has_velocities: ClassVar[bool] = True

    kind: Literal["mala"] = "mala"
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h of the proposed Brownian step [time, with friction 1]."""

    @property
    def free_diffusion(self) -> FreeDiffusion:
        """h: Brownian steps of variance 2 T h/m, all accepted, in one unit of time each."""
        return FreeDiffusion(self.time_step)

    def build(self, gas: Gas, conditions: Conditions) -> HmcDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if there is no Boltzmann distribution to sample, or `accept` would not preserve it.
        """
        self.require(conditions)
        return HmcDynamics(self, gas, conditions, float(np.sqrt(2.0 * self.time_step)), 1)


class HmcDynamics(MonteCarloDynamics):
    """Fresh velocities, then a trajectory of kick-drift-kick steps."""

    def __init__(self, law: MonteCarlo, gas: Gas, conditions: Conditions, verlet_step: float, stretch: int) -> None:
        super().__init__(law, gas, conditions)
        self._verlet_step, self._stretch = verlet_step, stretch

    def _begin(self, gas: Gas) -> None:
        noise = self._normals(gas, Stream.PROPOSALS)
        scale_noise(noise, self._temperatures(gas), gas.masses, velocities_of(gas))

    def _propose(self, gas: Gas) -> None:
        for _ in range(self._stretch):
            self._kick(gas, 0.5 * self._verlet_step)
            self._drift(gas, self._verlet_step)
            self._kick(gas, 0.5 * self._verlet_step)

    def degrees_of_freedom(self, gas: Gas) -> int:
        """D N (D - 1 of each on the sphere): velocities are redrawn for every proposal."""
        return self.space.freedom * gas.count
