"""Compiled steps of particles that do not interact: many steps of a `Program` in one call.

The bits are those of the dynamics carried out instruction by instruction on the whole gas, in float64. In float32 the
law is its twin (`gasfield.kernels.pointwise.in_float32`), normals are those of `gasfield.kernels.philox_float32`, and
each contribution to the heat is computed in float32 and added in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.kernels.jit import is_compiled
from gasfield.kernels.pointwise import in_float32, one_after_another, parameters_in_float32
from gasfield.kernels.threads import in_threads
from gasfield.spaces import Box, Free, Periodic, Space
from gasfield.stepping import blocks
from gasfield.stepping.columns import BYTES
from gasfield.stepping.program import Program

Array = NDArray[np.float64]

_CONSTANT_DIMENSIONS = 3
"""Up to so many, the number of dimensions is a constant of the compiled code."""


class Field(Protocol):
    """A sum of forces that may consist of laws of one particle."""

    @property
    def steady(self) -> bool:
        """Whether no force depends on time."""
        ...

    @property
    def rotates_velocities(self) -> bool:
        """Whether any force also acts on velocities."""
        ...

    def pointwise(self, gas: Gas) -> Sequence[tuple[Any, tuple[Any, ...]]] | None:
        """Laws and parameters; None if there are other forces."""
        ...


@dataclass(frozen=True)
class Accumulators:
    """What dynamics keep of each particle besides the gas, changed in place.

    Attributes:
        flight: (N, D) the velocities that a program moves with: those of the gas, or flights of Brownian motion.
        heat: (N,) [energy].
        turned: (N,) changes of velocity at walls [length/time].
        force: (N, D) at the positions, for steps that need it [energy/length].
    """

    flight: NDArray[np.floating[Any]]
    heat: Array
    turned: Array
    force: NDArray[np.floating[Any]] | None = None


class IndependentSteps:
    """Steps of a program in a field, in free space, a periodic box, or a box with walls."""

    work = 1
    """Of a coordinate and step, compared with that of a particle in a field."""
    least_steps = 1
    """See `Dynamics`."""

    def __init__(self, program: Program, field: Field, space: Space, time_step: float, seed: int, stream: int) -> None:
        """See `of`."""
        self._program, self._field, self._time_step = program, field, time_step
        self._seed, self._stream, self._space = np.uint64(seed), stream, space
        self._ready: bool | None = None

    @classmethod
    def of(
        cls, program: Program, field: object, space: Space, gas: Gas, *, time_step: float, seed: int, stream: int
    ) -> Self | None:
        """The compiled steps; None if a force is not a steady law of one particle, or the space is another one.

        Args:
            program: of a step.
            field: the sum of all forces.
            space: where the particles live.
            gas: the gas at the start.
            time_step: h [time].
            seed: of the run.
            stream: of the noise.
        """
        laws: Callable[[Gas], object] | None = getattr(field, "pointwise", None)
        if type(space) not in (Free, Box, Periodic) or laws is None or laws(gas) is None:
            return None
        if not getattr(field, "steady", False) or getattr(field, "rotates_velocities", True):
            return None
        return cls(program, field, space, time_step, seed, stream)  # type: ignore[arg-type]

    def advance(self, gas: Gas, steps: int, kept: Accumulators, temperatures: Array) -> int:
        """Advances a gas by some steps in place, with its step and time; returns their number.

        Args:
            gas: contiguous positions in float64 or float32, wrapped in a periodic box.
            steps: at least 1.
            kept: velocities or flights in the type of the positions, and sums.
            temperatures: (1, S) of each group at all steps, or (steps + 1, S) at each; (1, S) zeros without a bath.
        """
        kernel = self._arguments(gas, steps, kept, temperatures)

        def advance(first: int, last: int) -> None:
            blocks.advance_blocks(*kernel, first, last)

        self._ready = True
        in_threads(advance, -(-gas.count // (BYTES // gas.positions.itemsize)))
        gas.step += steps
        for _ in range(steps):  # as step by step: a product would round differently
            gas.time += self._time_step
        return steps

    @property
    def in_use(self) -> bool:
        """Whether steps have been taken, or can be taken at once."""
        return bool(self._ready)

    def is_ready(self, gas: Gas) -> bool:
        """Whether the steps have been compiled before, so that they begin at once."""
        if self._ready is None:  # asked once: the cache gains nothing while steps are taken one by one
            some = Accumulators(np.empty_like(gas.positions), np.empty(0), np.empty(0))
            self._ready = is_compiled(blocks.advance_blocks, *self._arguments(gas, 1, some, np.empty((1, 1))), 0, 1)
        return self._ready

    def _arguments(self, gas: Gas, steps: int, kept: Accumulators, temperatures: Array) -> tuple[Any, ...]:
        """Those of the kernel, without the range of blocks."""
        law, parameters, noise = self._law(gas)
        program = self._program
        state = blocks.State(gas.positions, kept.flight, kept.heat, kept.turned, _images(gas))
        particles = blocks.Particles(gas.ids, gas.species, gas.masses)
        course = blocks.Course(
            program.codes,
            program.values,
            program.span,
            program.warmth * temperatures,
            gas.step,
            steps,
            self._seed,
            self._stream,
        )
        sides = sides_of(self._space, gas.positions.dtype)
        return law, parameters, noise, axes_of(gas.dimensions), state, particles, sides, course

    def _law(self, gas: Gas) -> tuple[Any, tuple[Any, ...], Any]:
        """Law, parameters and noise in the precision of the gas."""
        terms = self._field.pointwise(gas)
        assert terms is not None
        laws, parameters = tuple(term[0] for term in terms), tuple(term[1] for term in terms)
        if gas.positions.dtype == np.float64:
            return one_after_another(laws), parameters, blocks.noise_float64
        single = one_after_another(tuple(in_float32(law) for law in laws))
        return single, parameters_in_float32(parameters), blocks.noise_float32


def axes_of(dimensions: int) -> Any:
    return (0,) * dimensions if dimensions <= _CONSTANT_DIMENSIONS else np.zeros(dimensions, np.int64)


def _images(gas: Gas) -> NDArray[np.int64]:
    return np.zeros((0, gas.dimensions), np.int64) if gas.images is None else gas.images


def sides_of(space: Space, dtype: np.dtype[Any]) -> Any:
    """Sides, halves and inverses in the form of the kernels; walls in float32 are not beyond those in float64."""
    edges = space.edges
    if edges is None:
        nothing = np.zeros(space.dimensions)
        return blocks.Sides(blocks.FREE, nothing, nothing, nothing)
    if isinstance(space, Periodic):
        return blocks.Sides(blocks.PERIODIC, edges, 0.5 * edges, 1.0 / edges)
    if dtype == np.float64:
        return blocks.Sides(blocks.WALLS, edges, 0.5 * edges, 1.0 / edges)
    halves = (0.5 * edges).astype(np.float32)
    halves = np.where(halves > 0.5 * edges, np.nextafter(halves, np.float32(0.0)), halves).astype(np.float64)
    return blocks.Sides(blocks.WALLS, 2.0 * halves, halves, 0.5 / halves)
