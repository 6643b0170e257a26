"""Sub-flows of particle dynamics: kick, drift, noise, and their accumulators.

A step is a splitting into sub-flows (Leimkuhler and Matthews, 2015, chapter 7). Velocity Verlet is kick, drift, kick;
BAOAB has the bath in the middle. Each sub-flow is exact in every space, because the space implements the drift and
projects forces and noise onto the tangent space.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numba import prange
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from gasfield.dynamics.base import Array, Conditions, Dynamics, DynamicsSpec, take_back
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.philox import normals
from gasfield.kernels.philox_float32 import normals_float32
from gasfield.stepping.independent import Accumulators, IndependentSteps
from gasfield.stepping.interacting import InteractingSteps
from gasfield.stepping.program import Program, splitting
from gasfield.streams import Stream

_WORTH_COMPILING = 4e8
"""Coordinates that are advanced step by step, a call of a step counted as 4,000, in the time of compiling the steps."""
_CALLS = 4_000


Precision = Literal["float64", "mixed", "float32"]
"""Of particle dynamics."""

CompiledSteps = IndependentSteps | InteractingSteps


def verlet_limit(mass: float, time_step: float) -> float:
    """4 m/h^2 [energy/length^2]: the curvature from which on velocity Verlet, and a splitting with it, is unstable."""
    return 4.0 * mass / max(time_step * time_step, np.finfo(float).tiny)


def type_of(precision: Precision) -> Literal["float64", "float32"]:
    """That of positions and velocities."""
    return "float32" if precision == "float32" else "float64"


class MechanicsSpec(DynamicsSpec):
    """The specification of dynamics of particles that can be computed in single precision."""

    precision: Precision = "float64"
    """`float32`: positions, velocities, forces and noise are float32, with rounding errors of 6e-8 of each number a
    step; heat is summed in float64. `mixed`: float64, but forces between particles (pairs and attention) are computed
    in float32 and added in float64. Energies are float64 always. See docs/equilibrium.md for errors."""

    @property
    def lattice(self) -> Literal["float64", "float32"]:
        """That of positions and velocities."""
        return type_of(self.precision)

    @property
    def force_precision(self) -> Literal["float64", "float32"]:
        """Single in `mixed` and `float32`."""
        return "float64" if self.precision == "float64" else "float32"


class Mechanics(Dynamics):
    """Dynamics of particles in any space; forces are computed once per configuration.

    A subclass implements one step in `_step`; its state besides the accumulators is in `_memory`. Where `_program` and
    the forces allow, many steps are taken in one compiled call: in float32 always, in float64, where bits are the same,
    once the simulation has lasted about as long as the compilation takes.
    """

    def __init__(self, gas: Gas, conditions: Conditions, time_step: float, precision: Precision = "float64") -> None:
        """Starts with all accumulators at zero.

        Args:
            gas: the gas to be moved.
            conditions: space, forces, bath and seed.
            time_step: h [time].
            precision: of the specification.
        """
        self._dtype = np.dtype(type_of(precision))
        self.space, self.field, self.bath, self.seed = (
            conditions.space, conditions.field, conditions.bath, conditions.seed
        )  # fmt: skip
        self.time_step = time_step
        self._turned = np.zeros(gas.count)
        self._heat = np.zeros(gas.count)
        self._noise = np.empty((gas.count, gas.dimensions), self._dtype)
        self._force: NDArray[np.floating[Any]] | None = None
        self._compiled: CompiledSteps | None = None
        self._is_compiled, self._effort = False, 0.0

    # --- the interface of Dynamics -----------------------------------------------------------------------------------

    @property
    def least_steps(self) -> int:
        """See `Dynamics`: those of compiled steps, once they are in use."""
        return 1 if self._compiled is None or not self._compiled.in_use else self._compiled.least_steps

    def advance(self, gas: Gas) -> None:
        """Advances by one step."""
        self.run(gas, 1)

    def run(self, gas: Gas, steps: int, stopped: Callable[[], bool] = lambda: False) -> None:
        """Advances by some steps."""
        compiled = self._compiled_for(gas, steps)
        if compiled is not None:
            self._prepare(gas)
            still = np.zeros((1, len(gas.names)))
            try:
                force = self._force_for(compiled, gas)
                kept = Accumulators(self._moving(gas), self._heat, self._turned, force)
                steps -= compiled.advance(gas, steps, kept, self.bath.over(gas.step, steps) if self.bath else still)
            except (NumbaError, TypeError):  # a law of a plug-in has no twin in float32; nothing has moved yet
                self._compiled = None
            else:
                self._force = force
        for _ in range(steps):
            self._step(gas)
            if stopped():
                return

    def _compiled_for(self, gas: Gas, steps: int) -> CompiledSteps | None:
        """The compiled steps, where they apply and pay."""
        if not self._is_compiled:
            self._is_compiled = True
            self._compiled = self._compile(gas)
        work = 1 if self._compiled is None else self._compiled.work
        self._effort += float(steps) * (gas.positions.size * work + _CALLS)
        if self._compiled is None or not _is_plain(gas, self._dtype):
            return None
        if self._dtype == np.float64 and self._effort < _WORTH_COMPILING and not self._compiled.is_ready(gas):
            return None
        return self._compiled

    def _force_for(self, compiled: CompiledSteps, gas: Gas) -> NDArray[np.floating[Any]] | None:
        """(N, D) the force with which compiled steps begin, if they need it: computed by them, so that it has the bits
        of one within a call; in float32 `_force_on`, where fields are float64, has others."""
        if not isinstance(compiled, InteractingSteps):
            return None
        if self._dtype == np.float32 and self._force is None:
            self._force = compiled.force(gas, self._moving(gas))
        return self._force_on(gas)

    def _compile(self, gas: Gas) -> CompiledSteps | None:
        program = self._program()
        if program is None:
            return None
        for kind in (IndependentSteps, InteractingSteps):
            found = kind.of(
                program, self.field, self.space, gas, time_step=self.time_step, seed=self.seed, stream=int(Stream.BATH)
            )
            if found is not None:
                return found
        return None

    def _program(self) -> Program | None:
        """The step for `gasfield.stepping`; None, by default, if it has other sub-flows."""
        return None

    def _moving(self, gas: Gas) -> NDArray[np.floating[Any]]:
        """(N, D) the velocities with which a program moves the gas."""
        return velocities_of(gas)

    def _prepare(self, gas: Gas) -> None:
        """What has to be known before a step; default: nothing."""
        return None

    @abstractmethod
    def _step(self, gas: Gas) -> None:
        """Moves the gas, and calls `_arrive` when positions are final."""

    def _arrive(self, gas: Gas) -> None:
        """Wraps positions, and advances step and time, so that time-dependent fields are evaluated at the end of the
        step."""
        if gas.images is not None:
            self.space.wrap(gas.positions, gas.images)
        gas.step += 1
        gas.time += self.time_step

    def project(self, gas: Gas) -> None:
        """Copies positions into a contiguous array of the precision, inside the space, wrapped where it is periodic;
        velocities get the same type."""
        gas.positions = np.array(gas.positions, self._dtype, order="C")
        if gas.velocities is not None and gas.velocities.dtype != self._dtype:
            gas.velocities = gas.velocities.astype(self._dtype)
        self.space.settle(gas.positions)
        if self.space.periods.any():
            gas.periods = self.space.periods
            gas.images = np.zeros(gas.positions.shape, np.int64) if gas.images is None else gas.images
            self.space.wrap(gas.positions, gas.images)

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of the accumulators (N,) and of the subclass's own state."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restores what `state` returned; forces are computed anew."""
        take_back(self._arrays(), state)
        self._force = None

    def add_particles(self, gas: Gas, added: int) -> None:
        """Sets the accumulators of new particles to zero."""
        self._turned = np.concatenate([self._turned, np.zeros(added)])
        self._heat = np.concatenate([self._heat, np.zeros(added)])
        self._noise = np.empty((gas.count, gas.dimensions), self._dtype)
        self._force = None

    def exchange(self, sources: NDArray[np.int64], scales: Array, given: Array) -> None:
        """Forces are computed anew; the accumulators stay with the particles, and the energy given is heat."""
        self._heat += given
        self._force = None

    def accumulators(self) -> dict[str, Array]:
        """`heat` (N,) given to the bath, if there is one."""
        return {"heat": self._heat} if self.bath else {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """`wall_impulse`, the momentum transferred to the walls since the start, if there are walls."""
        return {"wall_impulse": float(np.sum(gas.masses * self._turned))} if self.space.wall_area else {}

    def _memory(self) -> dict[str, NDArray[Any]]:
        """The subclass's own state between steps, without copies; default: none."""
        return {}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {"turned": self._turned, "heat": self._heat, **self._memory()}

    # --- sub-flows ---------------------------------------------------------------------------------------------------

    def _force_on(self, gas: Gas) -> NDArray[np.floating[Any]]:
        """(N, D) tangent force at the current positions; computed once per configuration, in float64, and rounded."""
        if self._force is None:
            force = self.field.force(gas)
            self.space.tangent(gas.positions, force)
            self._force = force.astype(self._dtype, copy=False)
        return self._force

    def _kick(self, gas: Gas, span: float) -> None:
        """v += F h / m."""
        kick(velocities_of(gas), self._force_on(gas), gas.masses, span)

    def _drift(self, gas: Gas, span: float) -> None:
        """Free flight over a time."""
        self._fly(gas, velocities_of(gas), span)

    def _fly(self, gas: Gas, velocities: NDArray[Any], span: float) -> None:
        """Free flight along given velocities; the cached force is discarded."""
        self.space.drift(gas.positions, velocities, span, self._turned)
        self._force = None

    def _normals(self, gas: Gas, stream: Stream, draw: int = 0) -> NDArray[Any]:
        """(N, D) tangent standard normal numbers of this step; the next call reuses the array."""
        fill = normals if self._dtype == np.float64 else normals_float32
        fill(self._noise, gas.ids, self.seed, int(stream), gas.step, draw)
        self.space.tangent(gas.positions, self._noise)
        return self._noise

    def _temperatures(self, gas: Gas) -> Array:
        """(N,) temperature of the bath for each particle."""
        assert self.bath is not None
        return self.bath.at(gas.step)[gas.species]


class Splitting(Mechanics):
    """A step composed of sub-flows: the duration of each is the time step divided by its number of occurrences.

    B is the kick, A the drift and R the rotation in a magnetic field; a subclass adds its own. Step and time advance
    after the last drift, so that a time-dependent field is evaluated at the ends of the drifts.
    """

    def __init__(
        self,
        gas: Gas,
        conditions: Conditions,
        time_step: float,
        word: str,
        precision: Precision = "float64",
    ) -> None:
        """See `Mechanics`; `word` is the order of the sub-flows, such as "BAOAB"."""
        super().__init__(gas, conditions, time_step, precision)
        word = _with_turn(word) if self.field.rotates_velocities else word
        self._letters = word
        pieces = self._pieces()
        self._word: Sequence[tuple[Callable[[Gas, float], None], float, bool]] = [
            (pieces[letter], time_step / word.count(letter), place == word.rindex("A"))
            for place, letter in enumerate(word)
        ]

    def _pieces(self) -> dict[str, Callable[[Gas, float], None]]:
        """Letter -> sub-flow of a gas over a time."""
        return {"A": self._drift, "B": self._kick, "R": self.field.rotate_velocities}

    def _program(self) -> Program | None:
        return splitting(self._letters, self.time_step) if set(self._letters) <= set("AB") else None

    def _step(self, gas: Gas) -> None:
        for piece, span, arrives in self._word:
            piece(gas, span)
            if arrives:
                self._arrive(gas)

    def begin(self, gas: Gas) -> None:
        """Removes the total momentum if it is conserved."""
        if self.keeps_momentum and gas.count:
            stop_drift(gas)

    def degrees_of_freedom(self, gas: Gas) -> int:
        """D N (D - 1 of each on the sphere)."""
        return self.space.freedom * gas.count


def _with_turn(word: str) -> str:
    """The splitting with R in the middle of the drift: next to O, with which it commutes, so that the discrete
    stationary distribution is that without the field; without AOA, the drift is split in two."""
    return word.replace("AOA", "AROA") if "AOA" in word else word.replace("A", "ARA")


def keeps_momentum(conditions: Conditions, gas: Gas) -> bool:
    """Whether particles interact and both forces and space conserve the total momentum of the gas."""
    mutual = conditions.field.interacting and conditions.field.mutual and bool(gas.is_source.all())
    return mutual and conditions.space.homogeneous


def stop_drift(gas: Gas) -> None:
    """Removes the velocity of the centre of mass, which dynamics that conserve momentum would retain."""
    velocities = velocities_of(gas)
    velocities -= np.sum(gas.masses[:, None] * velocities, axis=0) / np.sum(gas.masses)


def _is_plain(gas: Gas, dtype: np.dtype[Any]) -> bool:
    """Whether the arrays of a gas are those that compiled steps take; a user may have put others in their place."""
    arrays = [gas.positions] if gas.velocities is None else [gas.positions, gas.velocities]
    return all(array.dtype == dtype and array.flags.carray for array in arrays)


def velocities_of(gas: Gas) -> NDArray[Any]:
    """The velocities of a gas that has them.

    Raises:
        ValueError: if it has none.
    """
    if gas.velocities is None:
        raise ValueError("these dynamics need a gas with velocities")
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
    """out_i = sqrt(T_i / m_i) noise_i: Maxwell-Boltzmann velocities."""
    for i in prange(noise.shape[0]):
        width = np.sqrt(temperatures[i] / masses[i])
        for j in range(noise.shape[1]):
            out[i, j] = width * noise[i, j]
