"""Brownian motion: the overdamped limit of Langevin dynamics.

    dx = F/(m gamma) dt + sqrt(2 T/(m gamma)) dB

Euler-Maruyama moves by F h/(m gamma) + sqrt(2 T h/(m gamma)) R_n and is of first order. The scheme of Leimkuhler and
Matthews (2013) replaces R_n by (R_n + R_(n+1))/2 and is of second order in equilibrium; it is the limit of BAOAB for
infinite friction, and is implemented as such: with s = sqrt(2 h/gamma) as a time and a flight velocity u,

    u <- u + F s/m,   fly for s/2,   u <- sqrt(T/m) R,   fly for s/2.

The space implements flights, so that walls reflect and particles stay on the sphere. Curvature would reduce the order
to one, because neighbouring geodesics converge. Multiplying the force by 1 + rho s^2 T/(12 m), rho the Ricci curvature,
corrects for this (docs/equilibrium.md, "Brownian motion on the sphere").
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray
from pydantic import Field

from gasfield.dynamics.base import Array, Conditions, FreeDiffusion
from gasfield.dynamics.mechanics import Mechanics, MechanicsSpec, kick, scale_noise
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.stepping.program import Program, euler_maruyama, leimkuhler_matthews
from gasfield.streams import Stream


@register
class Brownian(MechanicsSpec):
    """Overdamped motion in a bath."""

    thermal: ClassVar[bool] = True
    exchanges: ClassVar[bool] = True

    kind: Literal["brownian"] = "brownian"
    scheme: Literal["leimkuhler_matthews", "euler_maruyama"] = "leimkuhler_matthews"
    """Second or first order in equilibrium; both cost one force evaluation per step."""
    time_step: float = Field(gt=0.0, allow_inf_nan=False)
    """h [time]."""
    friction: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """gamma [1/time]."""

    @property
    def free_diffusion(self) -> FreeDiffusion:
        """1/gamma in both schemes, at any step: the noises of all steps sum up to variance 2 T t/(m gamma), in that of
        Leimkuhler and Matthews but for one step at the ends."""
        return FreeDiffusion(1.0 / self.friction)

    def stiffness_limit(self, mass: float) -> float:
        """2 gamma m/h, of explicit relaxation."""
        return 2.0 * self.friction * mass / self.time_step

    def build(self, gas: Gas, conditions: Conditions) -> BrownianDynamics:
        """Builds the dynamics for this gas.

        Raises:
            InputError: if the run has no bath.
        """
        self.require(conditions)
        scheme = LeimkuhlerMatthews if self.scheme == "leimkuhler_matthews" else EulerMaruyama
        return scheme(self, gas, conditions)


class BrownianDynamics(Mechanics):
    """The base of both schemes: free flight in the space, and the heat of the displacement.

    The heat is the work of the force along the displacement, with the mean of the forces at its two ends (Stratonovich;
    Sekimoto, 1998). State: `flight` (N, D), the velocity at the end of the last flight.
    """

    def __init__(self, law: Brownian, gas: Gas, conditions: Conditions) -> None:
        super().__init__(gas, conditions, law.time_step, law.precision)
        self._mobile_time = law.time_step / law.friction
        self._flight = np.full((gas.count, gas.dimensions), np.nan, self._dtype)

    def _step(self, gas: Gas) -> None:
        start, pushed = gas.positions.copy(), self._force_on(gas)
        self._move(gas)
        moved = gas.positions - start
        self._arrive(gas)
        _add_work(moved, pushed, self._force_on(gas), self._heat)

    def _moving(self, gas: Gas) -> NDArray[np.floating[Any]]:
        return self._flight

    @abstractmethod
    def _move(self, gas: Gas) -> None:
        """Moves to the positions of the next step."""

    def add_particles(self, gas: Gas, added: int) -> None:
        """Marks new particles as without a previous flight."""
        super().add_particles(gas, added)
        self._flight = np.concatenate([self._flight, np.full((added, gas.dimensions), np.nan, self._dtype)])

    def displace(self, rows: NDArray[np.int64]) -> None:
        """In a curved space the last flight is not tangent where particles are now: they have none."""
        super().displace(rows)
        if self.space.curved:
            self._flight[rows] = np.nan

    def exchange(self, sources: NDArray[np.int64], scales: Array, given: Array) -> None:
        """The flights, which are noise of the bath, go along."""
        super().exchange(sources, scales, given)
        self._flight[:] = self._flight[sources] * scales[:, None]

    def measures(self, gas: Gas) -> dict[str, float]:
        """None: without velocities no momentum is transferred to walls."""
        return {}

    def _memory(self) -> dict[str, NDArray[Any]]:
        return {"flight": self._flight}


class EulerMaruyama(BrownianDynamics):
    """One flight along the whole displacement, without memory."""

    def _program(self) -> Program:
        return euler_maruyama(self._mobile_time)

    def _move(self, gas: Gas) -> None:
        span = self._mobile_time
        noise = self._normals(gas, Stream.BATH)
        scale_noise(noise, 2.0 * span * self._temperatures(gas), gas.masses, self._flight)
        kick(self._flight, self._force_on(gas), gas.masses, span)
        self._fly(gas, self._flight, 1.0)


class LeimkuhlerMatthews(BrownianDynamics):
    """Two flights of half a span: the first has the noise of the previous step."""

    def __init__(self, law: Brownian, gas: Gas, conditions: Conditions) -> None:
        super().__init__(law, gas, conditions)
        self._span = float(np.sqrt(2.0 * self._mobile_time))

    def _move(self, gas: Gas) -> None:
        self._prepare(gas)
        kick(self._flight, self._force_on(gas), self._masses(gas), self._span)
        self._fly(gas, self._flight, 0.5 * self._span)
        self._flight[:] = self._aim(gas, draw=0)
        self._fly(gas, self._flight, 0.5 * self._span)

    def _program(self) -> Program:
        return leimkuhler_matthews(self._span, walls=self.space.wall_area > 0.0)

    def _prepare(self, gas: Gas) -> None:
        """Gives those a previous flight that have none yet."""
        beginners = np.isnan(self._flight[:, 0])
        if beginners.any():
            self._flight[beginners] = self._aim(gas, draw=1)[beginners]

    def _masses(self, gas: Gas) -> Array:
        """(N,) effective masses for the kick, corrected for curvature."""
        if not self.space.ricci:
            return gas.masses
        stronger = 1.0 + self.space.ricci * self._span**2 / 12.0 * self._temperatures(gas) / gas.masses
        return gas.masses / stronger

    def _aim(self, gas: Gas, draw: int) -> NDArray[Any]:
        """(N, D) velocities from the bath."""
        aim = self._normals(gas, Stream.BATH, draw)
        scale_noise(aim, self._temperatures(gas), gas.masses, aim)
        return aim


@jit(**EXACT_PARALLEL)
def _add_work(moved, force_before, force_after, heat):  # type: ignore[no-untyped-def]
    """heat_i += (F + F')/2 . (x' - x)."""
    for i in prange(moved.shape[0]):
        work = 0.0
        for j in range(moved.shape[1]):
            work += (force_before[i, j] + force_after[i, j]) * moved[i, j]
        heat[i] += 0.5 * work
