"""Minimisation of the potential energy by FIRE, the fast inertial relaxation engine.

Newton's equations with unit masses, whose velocities are turned towards the force while they point downhill, and set to
zero when they point uphill; the time step grows on the way down and is halved at each stop (Bitzek et al., 2006, with
the authors' parameters). The motion is the free flight of the space, so walls reflect and particles stay on a sphere.
How far each particle moves in a step is limited: particles that overlap have forces of any size, and separate within a
few steps.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from gasfield.dynamics.base import ForceField
from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.forces.closest import nearest_sources
from gasfield.gas import Gas
from gasfield.scenario.minimize import Minimize
from gasfield.spaces import Space

_DELAY, _GROW, _SHRINK, _MIX, _LESS_MIX = 5, 1.1, 0.5, 0.1, 0.99
"""N_min, f_inc, f_dec, alpha_start and f_alpha of Bitzek et al."""
_MOVE = 0.1
"""The farthest move over the mean distance of nearest neighbours."""


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation has ended.

    Attributes:
        converged: whether the largest force is below the tolerance.
        steps: that were taken.
        force: the largest force on a particle that may move [energy/length].
        energy_before: mean potential energy of a particle at the start [energy].
        energy: the same at the end [energy].
    """

    converged: bool
    steps: int
    force: float
    energy_before: float
    energy: float

    def as_attributes(self) -> dict[str, str]:
        """What a trajectory says of it: an attribute with a JSON mapping."""
        return {"minimize": json.dumps(asdict(self))}


def minimize(gas: Gas, forces: ForceField, space: Space, given: Minimize) -> Minimum:
    """Moves the sources of a gas to a minimum of their potential energy, in place; velocities are not used.

    Raises:
        InputError: if there is no particle, a force has no potential energy, or a position or force becomes non-finite.
    """
    require_energy(gas, forces)
    descent = _Descent(gas, forces, space, given.longest_move or _MOVE * _spacing(gas, space))
    before = float(forces.energy(gas).mean())
    while descent.largest > given.force and descent.steps < given.steps:
        descent.step()
    after = float(forces.energy(gas).mean())
    return Minimum(descent.largest <= given.force, descent.steps, descent.largest, before, after)


def require_energy(gas: Gas, forces: ForceField) -> None:
    """Checks that there is a potential energy to be minimised.

    Raises:
        InputError: if there is no particle, or a force has no potential energy.
    """
    if not gas.count:
        raise InputError("no particle is there yet whose energy could be minimised.")
    if not forces.conservative:
        raise InputError("one of the forces is not a gradient: it has no energy to be minimised.")


class _Descent:
    """The state of FIRE: velocities, forces, time step and mixing."""

    def __init__(self, gas: Gas, forces: ForceField, space: Space, longest: float) -> None:
        self._gas, self._forces, self._space, self._longest = gas, forces, space, longest
        self._mobile = gas.is_source[:, None]
        self._velocities = np.zeros(gas.positions.shape)
        self._turned = np.zeros(gas.count)
        self.steps, self._downhill, self._mix = 0, 0, _MIX
        self._look()
        self._time_step = float(np.sqrt(longest / self.largest)) if self.largest > 0.0 else 1.0

    def step(self) -> None:
        """Turns the velocities, or stops; kicks, and moves."""
        power = float(np.sum(self._force * self._velocities))
        if power > 0.0:
            size = _norm(self._velocities) / _norm(self._force)
            self._velocities += self._mix * (size * self._force - self._velocities)
            self._downhill += 1
            if self._downhill > _DELAY:
                self._time_step, self._mix = self._time_step * _GROW, self._mix * _LESS_MIX
        elif self.steps:
            self._velocities[:], self._downhill, self._mix = 0.0, 0, _MIX
            self._time_step *= _SHRINK
        self._velocities += self._time_step * self._force
        self._limit()
        self._space.drift(self._gas.positions, self._velocities, self._time_step, self._turned)
        if self._gas.images is not None:
            self._space.wrap(self._gas.positions, self._gas.images)
        self.steps += 1
        self._look()

    def _limit(self) -> None:
        """No particle moves farther than the longest move."""
        lengths = np.linalg.norm(self._velocities, axis=1, keepdims=True) * self._time_step
        self._velocities *= np.minimum(1.0, self._longest / np.maximum(lengths, np.finfo(float).tiny))

    def _look(self) -> None:
        """The forces here; those on particles that stay where they are do not count."""
        force: Array = np.where(self._mobile, self._forces.force(self._gas), 0.0)
        self._space.tangent(self._gas.positions, force)
        self._force, self.largest = force, float(np.sqrt(np.max(np.sum(force * force, axis=1))))
        if not np.isfinite(self.largest):
            raise InputError(f"the force is no longer finite after {self.steps} steps; use a smaller longest_move.")


def _norm(vectors: Array) -> float:
    """Of all components together; unlike that of BLAS, the sum does not depend on the number of threads."""
    return float(np.sqrt(np.sum(vectors * vectors)))


def _spacing(gas: Gas, space: Space) -> float:
    """The mean distance of nearest neighbours if they were spread evenly over the space, or over what they occupy."""
    extent = space.edges if space.edges is not None else np.maximum(np.ptp(gas.positions, axis=0), 0.0)
    size = float(np.exp(np.mean(np.log(np.maximum(extent, np.finfo(float).tiny)))))
    even: float = size / max(gas.count, 2) ** (1.0 / gas.dimensions)
    if even > 1e-100:
        return even
    distances, _ = nearest_sources(gas, space.periods)
    near = distances[np.isfinite(distances) & (distances > 0.0)]
    return float(near.mean()) if len(near) else 1.0
