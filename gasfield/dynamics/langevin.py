"""Langevin dynamics: Newton's equations with friction and the noise of a bath, by splitting.

    dx = v dt,   m dv = F dt - gamma m v dt + sqrt(2 gamma m T) dB

B kicks, A drifts, O is the exact Ornstein-Uhlenbeck flow v <- c v + sqrt((1 - c^2) T/m) R, c = exp(-gamma h). Both
splittings are of second order; BAOAB has no error in the positions of a harmonic well at any step (Leimkuhler and
Matthews, 2013), OBABO none in its velocities (Bussi and Parrinello, 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from numba import prange
from pydantic import Field

from gasfield.dynamics.base import Conditions, FreeDiffusion
from gasfield.dynamics.mechanics import MechanicsSpec, Splitting, velocities_of, verlet_limit
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.stepping.program import Program, splitting
from gasfield.streams import Stream


@register
class Langevin(MechanicsSpec):
    """Newton's equations in a bath with friction."""

    thermal: ClassVar[bool] = True
    exchanges: ClassVar[bool] = True
    has_velocities: ClassVar[bool] = True
    rotates_velocities: ClassVar[bool] = True

    kind: Literal["langevin"] = "langevin"
    scheme: Literal["baoab", "obabo"] = "baoab"
    """`baoab`: exact configurations of a harmonic well. `obabo`: exact velocities."""
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""
    friction: float = Field(ge=0.0, allow_inf_nan=False)
    """gamma [1/time]."""

    @property
    def free_diffusion(self) -> FreeDiffusion | None:
        """(h/2) coth(gamma h/2) in both schemes: without a force BAOAB moves by h (v + v')/2, with v and v' from two
        successive O, and OBABO by h v; sums of either over many steps have the same variance."""
        return FreeDiffusion.of_velocities(self.friction, self.time_step)

    def stiffness_limit(self, mass: float) -> float:
        """Of velocity Verlet."""
        return verlet_limit(mass, self.time_step)

    def build(self, gas: Gas, conditions: Conditions) -> LangevinDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if the run has no bath.
        """
        self.require(conditions)
        return LangevinDynamics(self, gas, conditions)


class LangevinDynamics(Splitting):
    """The splitting of the scheme, with O for the bath."""

    def __init__(self, law: Langevin, gas: Gas, conditions: Conditions) -> None:
        self._friction = law.friction
        self._draw = 0
        super().__init__(gas, conditions, law.time_step, law.scheme.upper(), law.precision)

    def _pieces(self) -> dict[str, Callable[[Gas, float], None]]:
        return super()._pieces() | {"O": self._meet_bath}

    def _program(self) -> Program | None:
        plain = set(self._letters) <= set("ABO")
        return splitting(self._letters, self.time_step, self._friction) if plain else None

    def _step(self, gas: Gas) -> None:
        self._draw = 0
        super()._step(gas)

    def _meet_bath(self, gas: Gas, span: float) -> None:
        """The exact flow of friction and noise; each O of a step has independent random numbers."""
        noise = self._normals(gas, Stream.BATH, self._draw)
        self._draw += 1
        kept = float(np.exp(-self._friction * span))
        _ornstein_uhlenbeck(velocities_of(gas), noise, kept, self._temperatures(gas), gas.masses, self._heat)


@jit(**EXACT_PARALLEL)
def _ornstein_uhlenbeck(velocities, noise, kept, temperatures, masses, heat):  # type: ignore[no-untyped-def]
    """v_i <- c v_i + sqrt((1 - c^2) T_i/m_i) R_i; the kinetic energy that particle i loses is added to its heat."""
    for i in prange(velocities.shape[0]):
        width = np.sqrt((1.0 - kept * kept) * temperatures[i] / masses[i])
        lost = 0.0
        for j in range(velocities.shape[1]):
            before = velocities[i, j]
            after = kept * before + width * noise[i, j]
            lost += before * before - after * after
            velocities[i, j] = after
        heat[i] += 0.5 * masses[i] * lost
