"""The pieces that laws of motion of particles are made of: kick, drift, noise, and the tallies that go with them.

A law is a word of pieces (Leimkuhler and Matthews, 2015, chapter 7). Velocity Verlet is kick, drift, kick; BAOAB puts
the bath in the middle. Each piece is an exact flow in every space, because the space itself does the drift and takes
the normal part out of forces and noise.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numba import jit, prange
from numpy.typing import NDArray

from gasfield.dynamics.base import Array, Conditions, Dynamics, take_back
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.philox import normals
from gasfield.streams import Stream


class Mechanics(Dynamics):
    """A law of motion of particles: float64 positions in any space, pushed by forces that are asked for once a place.

    A subclass does one step in `_step`; state that it keeps beside the tallies stands in `_memory`.
    """

    def __init__(self, gas: Gas, conditions: Conditions, time_step: float) -> None:
        """Starts with all tallies at zero.

        Args:
            gas: the gas to be moved.
            conditions: space, forces, bath and seed.
            time_step: h [time].
        """
        self.space, self.field, self.bath, self.seed = (
            conditions.space, conditions.field, conditions.bath, conditions.seed
        )  # fmt: skip
        self.time_step = time_step
        self._turned = np.zeros(gas.count)
        self._heat = np.zeros(gas.count)
        self._noise = np.empty((gas.count, gas.dimensions))
        self._force: Array | None = None

    # --- what a run asks of it ---------------------------------------------------------------------------------------

    def advance(self, gas: Gas) -> None:
        """One step of the law."""
        self._step(gas)

    @abstractmethod
    def _step(self, gas: Gas) -> None:
        """Moves the gas and calls `_arrive` when it is where the step leads to."""

    def _arrive(self, gas: Gas) -> None:
        """Counts the step and its time: fields that change in time are felt as they are now."""
        gas.step += 1
        gas.time += self.time_step

    def project(self, gas: Gas) -> None:
        """Positions become a contiguous float64 array of the gas's own, inside the space."""
        gas.positions = np.array(gas.positions, np.float64, order="C")
        self.space.settle(gas.positions)

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of the tallies (N,) and of what the law keeps of its own."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave; forces are asked for again."""
        take_back(self._arrays(), state)
        self._force = None

    def join(self, gas: Gas, newcomers: int) -> None:
        """Newcomers start with nothing on their tallies."""
        self._turned = np.concatenate([self._turned, np.zeros(newcomers)])
        self._heat = np.concatenate([self._heat, np.zeros(newcomers)])
        self._noise = np.empty((gas.count, gas.dimensions))
        self._force = None

    def tallies(self) -> dict[str, Array]:
        """`heat` (N,) given to the bath, where there is one."""
        return {"heat": self._heat} if self.bath else {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """`wall_impulse`, the momentum that walls took up since the start, where there are walls."""
        return {"wall_impulse": float(np.sum(gas.masses * self._turned))} if self.space.wall_area else {}

    def _memory(self) -> dict[str, NDArray[Any]]:
        """What the law keeps between steps of its own, as the arrays themselves; default: nothing."""
        return {}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {"turned": self._turned, "heat": self._heat, **self._memory()}

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _force_on(self, gas: Gas) -> Array:
        """(N, D) tangent force where the gas is; computed once for a place."""
        if self._force is None:
            self._force = self.field.force(gas)
            self.space.tangent(gas.positions, self._force)
        return self._force

    def _kick(self, gas: Gas, span: float) -> None:
        """v += F h / m."""
        kick(velocities_of(gas), self._force_on(gas), gas.masses, span)

    def _drift(self, gas: Gas, span: float) -> None:
        """Free flight over a time."""
        self._fly(gas, velocities_of(gas), span)

    def _fly(self, gas: Gas, velocities: Array, span: float) -> None:
        """Free flight along velocities of its own; the force of the old place is forgotten."""
        self.space.drift(gas.positions, velocities, span, self._turned)
        self._force = None

    def _normals(self, gas: Gas, stream: Stream, draw: int = 0) -> Array:
        """(N, D) tangent standard normal numbers of this step; the array is used again by the next call."""
        normals(self._noise, gas.ids, self.seed, int(stream), gas.step, draw)
        self.space.tangent(gas.positions, self._noise)
        return self._noise

    def _temperatures(self, gas: Gas) -> Array:
        """(N,) temperature of the bath for each particle."""
        assert self.bath is not None
        return self.bath.at(gas.step)[gas.species]


class Splitting(Mechanics):
    """A step that is a word of pieces: each letter lasts the time step divided by how often it occurs.

    B is the kick, A the drift and R the turn in a magnetic field; a subclass adds its own. The step is counted when
    the last drift is done, so that what follows is at the new step: a field that changes in time is felt at the ends of
    the drifts.
    """

    def __init__(self, gas: Gas, conditions: Conditions, time_step: float, word: str) -> None:
        """See `Mechanics`; `word` as "BAOAB"."""
        super().__init__(gas, conditions, time_step)
        word = _with_turn(word) if self.field.turns else word
        pieces = self._pieces()
        self._word: Sequence[tuple[Callable[[Gas, float], None], float, bool]] = [
            (pieces[letter], time_step / word.count(letter), place == word.rindex("A"))
            for place, letter in enumerate(word)
        ]

    def _pieces(self) -> dict[str, Callable[[Gas, float], None]]:
        """Letter -> what it does to a gas over a time."""
        return {"A": self._drift, "B": self._kick, "R": self.field.turn}

    def _step(self, gas: Gas) -> None:
        for piece, span, arrives in self._word:
            piece(gas, span)
            if arrives:
                self._arrive(gas)

    def begin(self, gas: Gas) -> None:
        """A momentum that nothing could change is taken out."""
        if self.keeps_momentum:
            stop_drift(gas)

    def degrees_of_freedom(self, gas: Gas) -> int:
        """D N (D - 1 of each on the sphere)."""
        return self.space.freedom * gas.count


def _with_turn(word: str) -> str:
    """The word with R in the middle of the drift: beside O, with which it commutes, so that a bath meets what it would
    meet without the field and every discrete law stays as it is; else the drift is done in two."""
    return word.replace("AOA", "AROA") if "AOA" in word else word.replace("A", "ARA")


def keeps_momentum(conditions: Conditions, gas: Gas) -> bool:
    """Whether forces and space keep the total momentum of the gas, and share it out among its particles."""
    mutual = conditions.field.interacting and conditions.field.mutual and bool(gas.pushes.all())
    return mutual and conditions.space.homogeneous


def stop_drift(gas: Gas) -> None:
    """Takes out the velocity of the centre of mass, which a law that keeps momentum would keep for ever."""
    velocities = velocities_of(gas)
    velocities -= np.sum(gas.masses[:, None] * velocities, axis=0) / np.sum(gas.masses)


def velocities_of(gas: Gas) -> Array:
    """The velocities of a gas that has them.

    Raises:
        ValueError: if it has none.
    """
    if gas.velocities is None:
        raise ValueError("this law of motion needs a gas with velocities")
    return gas.velocities


@jit(**EXACT_PARALLEL)
def kick(velocities, force, masses, span):  # type: ignore[no-untyped-def]
    """v_i += F_i h / m_i, in place; arrays (N, D), masses (N,)."""
    for i in prange(velocities.shape[0]):
        gain = span / masses[i]
        for j in range(velocities.shape[1]):
            velocities[i, j] += gain * force[i, j]


@jit(**EXACT_PARALLEL)
def scale_noise(noise, temperatures, masses, out):  # type: ignore[no-untyped-def]
    """out_i = sqrt(T_i / m_i) noise_i: Maxwell's velocities."""
    for i in prange(noise.shape[0]):
        width = np.sqrt(temperatures[i] / masses[i])
        for j in range(noise.shape[1]):
            out[i, j] = width * noise[i, j]
