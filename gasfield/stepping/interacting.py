"""Compiled steps of particles with one pair force that has a cut-off: many steps of a `Program` in one call.

The bits are those of the dynamics carried out instruction by instruction on the whole gas: sums over a neighbour list
do not depend on the list. The gas is put into the order of the list, and back at the end of a call or when the list is
built anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.kernels.barrier import new_barrier
from gasfield.kernels.jit import is_compiled
from gasfield.kernels.lanes import lanes_of
from gasfield.kernels.pointwise import in_float32, one_after_another, parameters_in_float32
from gasfield.kernels.threads import side_by_side
from gasfield.neighbours.lattice import Array
from gasfield.neighbours.neighbour_list import NeighbourList
from gasfield.neighbours.search import CLUSTER
from gasfield.spaces import Box, Free, Periodic, Space
from gasfield.stepping import blocks
from gasfield.stepping.columns import APART, BYTES
from gasfield.stepping.groups import Pairs, Room, advance_groups, rows_needed
from gasfield.stepping.independent import Accumulators, axes_of, sides_of
from gasfield.stepping.program import Do, Program

_ALONE = 1_500
"""Particles below which a step ends before a second thread has begun its part."""
_DIMENSIONS = 3
"""Up to so many, the number of dimensions is a constant of the compiled code; there are no others."""

_ARRIVAL = Program.of([(Do.ARRIVE, 0.0)], 0.0)
"""No step: the force at the positions."""


class PairTerm(Protocol):
    """A pair law with a neighbour list."""

    law: Any
    parameters: tuple[Any, ...]
    evaluate: Any
    strengths: Array
    neighbours: NeighbourList


class Paired(Protocol):
    """A pair law between laws of one particle, in the order of their sum."""

    before: Any
    pairs: PairTerm
    after: Any


class InteractingSteps:
    """Steps of a program with a pair force, in free space, a periodic box, or a box with walls."""

    work = 3
    """Of a coordinate and step, compared with that of a particle in a field."""
    least_steps = 16
    """See `Dynamics`: a call sorts the gas into the order of the list and back, for as long as two steps."""

    def __init__(
        self, program: Program, terms: Callable[[Gas], Paired], space: Space, time_step: float, seed: int, stream: int
    ) -> None:
        """See `of`."""
        self._program, self._terms, self._time_step = program, terms, time_step
        self._seed, self._stream, self._space = np.uint64(seed), stream, space
        self._ready: bool | None = None
        self._room: Room | None = None
        self._builds, self._coordinates = -1, np.empty((0, 0))

    @classmethod
    def of(
        cls, program: Program, field: object, space: Space, gas: Gas, *, time_step: float, seed: int, stream: int
    ) -> Self | None:
        """The compiled steps; None if the forces are not one steady pair law with a neighbour list and steady laws of
        one particle, or the space is another one. Arguments as of `IndependentSteps.of`."""
        terms: Callable[[Gas], Any] | None = getattr(field, "paired", None)
        if type(space) not in (Free, Box, Periodic) or space.dimensions > _DIMENSIONS or terms is None:
            return None
        if not getattr(field, "steady", False) or getattr(field, "rotates_velocities", True) or terms(gas) is None:
            return None
        return cls(program, terms, space, time_step, seed, stream)

    def advance(self, gas: Gas, steps: int, kept: Accumulators, temperatures: Array) -> int:
        """Advances a gas by some steps in place, with its step and time.

        Args:
            gas: contiguous positions in float64 or float32, wrapped in a periodic box.
            steps: at least 1.
            kept: velocities or flights in the type of the positions, the force at the positions, and sums.
            temperatures: as of `IndependentSteps.advance`.

        Returns:
            The steps taken: fewer, or none, if a list would not fit into memory.
        """
        terms, size = self._terms(gas), BYTES // gas.positions.itemsize
        at, strengths = terms.pairs.neighbours, terms.pairs.strengths
        force = kept.force
        assert force is not None
        carried = np.zeros((gas.count, 3 * gas.dimensions), gas.positions.dtype)
        carried[:, : gas.dimensions] = force
        done, moved, inner = 0, False, None
        before_all = [array.copy() for array in _changed(gas, kept)]
        while done < steps or moved:
            places = gas.positions.astype(np.float64, copy=False)
            fits = (
                at.rebuild(places, strengths, gas.is_source) if moved else at.follow(places, strengths, gas.is_source)
            )
            if not fits and moved:  # within a step, which can be completed with a list only: as if none had been taken
                for array, former in zip(_changed(gas, kept), before_all, strict=True):
                    array[...] = former
                return 0
            if not fits:
                break
            if inner is None or inner.order is not at.order:
                if inner is not None:
                    inner.put_back(gas, kept, carried)
                inner = _Inner(gas, kept, carried, at.order)
            before = done
            done, moved = self._call(self._program, terms, gas, steps, temperatures, inner, done, moved, size)
            at.used(done - before)
            if moved:
                gas.positions[...] = inner.back(inner.state.positions)
        if inner is not None:
            inner.put_back(gas, kept, carried)
        force[...] = carried[:, : gas.dimensions]
        gas.step += done
        for _ in range(done):  # as step by step: a product would round differently
            gas.time += self._time_step
        return done

    def force(self, gas: Gas, flight: NDArray[Any]) -> NDArray[Any] | None:
        """(N, D) the force at the positions as a step computes it, in their type; None if a list does not fit.

        Args:
            gas: as of `advance`.
            flight: (N, D) velocities or flights; not used, and not changed.
        """
        terms = self._terms(gas)
        at = terms.pairs.neighbours
        if not at.follow(gas.positions.astype(np.float64, copy=False), terms.pairs.strengths, gas.is_source):
            return None
        kept = Accumulators(flight, np.zeros(gas.count), np.zeros(gas.count))
        inner = _Inner(gas, kept, np.zeros((gas.count, 3 * gas.dimensions), gas.positions.dtype), at.order)
        size, temperatures = BYTES // gas.positions.itemsize, np.zeros((1, len(gas.names)))
        self._call(_ARRIVAL, terms, gas, 1, temperatures, inner, 0, True, size)
        return inner.back(inner.carried)[:, : gas.dimensions].copy()

    @property
    def in_use(self) -> bool:
        """Whether steps have been taken, or can be taken at once."""
        return bool(self._ready)

    def is_ready(self, gas: Gas) -> bool:
        """Whether the steps have been compiled before, in this process or for the cache, so that they begin at once."""
        if self._ready is None:
            kept = Accumulators(np.empty_like(gas.positions), np.empty(gas.count), np.empty(gas.count))
            carried, terms = np.empty((gas.count, 3 * gas.dimensions), gas.positions.dtype), self._terms(gas)
            at, size = terms.pairs.neighbours, BYTES // gas.positions.itemsize
            inner = _Inner(gas, kept, carried, np.arange(gas.count))
            room, pairs = _new_room(gas, at, size), _no_pairs(at, gas.dimensions)
            still = np.zeros((1, len(gas.names)))
            arguments = self._arguments(self._program, terms, gas, 1, still, inner, room, pairs, 0, False)
            self._ready = is_compiled(advance_groups, *arguments, 0, 1)
        return self._ready

    def _prepare(self, gas: Gas, at: NeighbourList, threads: int, size: int) -> tuple[Room, NDArray[Any]]:
        """Room for the groups, and coordinates (threads, rows * (D + 1)) of each thread; the same as before where they
        fit, since fresh memory is slow."""
        room, width = self._room, gas.dimensions + 1
        if room is None or len(room.heat) != gas.count or room.work.dtype != gas.positions.dtype:
            self._room = room = _new_room(gas, at, size)
            self._builds = -1
        if self._builds != at.builds or len(room.needed) != threads:
            self._builds = at.builds
            rows = len(at.coordinates) // width
            needed, marks = np.empty((threads, 1 + rows), np.int64), np.empty(rows, np.bool_)
            groups, blocks_each = len(room.work), size // lanes_of(at.dtype)
            for thread in range(threads):
                begin, end = groups * thread // threads, groups * (thread + 1) // threads
                clusters = [min(edge * blocks_each // CLUSTER, len(at.all_begins)) for edge in (begin, end)]
                clusters[1] = len(at.all_begins) if thread == threads - 1 else clusters[1]
                slots = [min(edge * size, at.slots) for edge in (begin, end)]
                rows_needed(
                    at.all_rows, at.all_begins, at.all_ends, at.sources, at.slots, *clusters, *slots, marks,
                    needed[thread],
                )  # fmt: skip
            self._room = room = room._replace(needed=needed)
            self._coordinates = np.empty((threads, len(at.coordinates)), at.dtype)
        self._coordinates[:] = at.coordinates
        return room, self._coordinates

    def _call(
        self, program: Program, terms: Paired, gas: Gas, steps: int, temperatures: Array, inner: _Inner, done: int,
        moved: bool, size: int,
    ) -> tuple[int, bool]:  # fmt: skip
        at = terms.pairs.neighbours
        assert at.start is not None  # it has been built
        number, start, since = at.dtype.type, inner.in_order(at.start), inner.in_order(at.since)
        threads = 1 if gas.count < _ALONE else numba.get_num_threads()
        room, coordinates = self._prepare(gas, at, threads, size)
        room = room._replace(barrier=new_barrier())
        pairs = Pairs(
            coordinates, at.own, at.rows, at.begins, at.ends, at.close, at.all_rows, at.all_begins, at.all_ends,
            at.sources, at.shifts, start, since, *at.lattice, at.far, inner.in_order(terms.pairs.strengths),
            number(at.reach**2), number(at.core**2),
            *at.near_reach, max(at.allowance, 0.0) ** 2, max(at.near_allowance, 0.0) ** 2,
        )  # fmt: skip
        arguments = self._arguments(program, terms, gas, steps, temperatures, inner, room, pairs, done, moved)
        result = side_by_side(
            lambda thread, threads: advance_groups(*arguments, thread, threads), threads, room.barrier
        )
        self._ready = True
        at.since = inner.back(since)
        return int(result[0]), bool(result[1])

    def _arguments(
        self, program: Program, terms: Paired, gas: Gas, steps: int, temperatures: Array, inner: _Inner, room: Room,
        pairs: Pairs, done: int, moved: bool,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Those of the kernel, without the threads."""
        course = blocks.Course(
            program.codes, program.values, program.span, program.warmth * temperatures, gas.step, steps,
            self._seed, self._stream,
        )  # fmt: skip
        single = gas.positions.dtype == np.float32
        noise = blocks.noise_float32 if single else blocks.noise_float64
        laws = [_fields(terms.before, single), _fields(terms.after, single)]
        return (
            terms.pairs.evaluate, terms.pairs.law, terms.pairs.parameters, *laws[0], *laws[1], noise,
            axes_of(gas.dimensions), room, inner.carried, pairs, inner.state, inner.particles,
            sides_of(self._space, gas.positions.dtype), course, done, moved,
        )  # fmt: skip


def _no_pairs(at: NeighbourList, dimensions: int) -> Pairs:
    """A list without particles, of the types of a real one."""
    reals, words, rows = np.empty(0, at.dtype), np.empty(0, np.int64), np.empty(0, np.uint32)
    places, number = np.empty((0, dimensions)), at.dtype.type
    return Pairs(
        np.empty((1, 0), at.dtype), reals, rows, words, words, np.empty(0, np.bool_), rows, words, words,
        words, np.empty((0, dimensions), at.dtype), places, places, *at.lattice, at.far, np.empty(0),
        number(0.0), number(0.0), 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip


def _new_room(gas: Gas, at: NeighbourList, size: int) -> Room:
    """Room for the groups of a gas."""
    dtype, d, groups = gas.positions.dtype, gas.dimensions, -(-gas.count // size)
    return Room(
        np.empty((groups, blocks.rows_of(d) * (APART // dtype.itemsize)), dtype), np.empty(gas.count),
        np.empty((groups, size), np.uint64), np.empty((groups, size), np.uint64),
        np.empty((groups, d * lanes_of(at.dtype)), at.dtype), np.zeros((2, groups, 2)), new_barrier(),
        np.zeros((2, at.slots * d), at.dtype), np.empty((0, 0), np.int64),
    )  # fmt: skip


def _changed(gas: Gas, kept: Accumulators) -> list[NDArray[Any]]:
    """The arrays that steps change, besides the force."""
    images = [] if gas.images is None else [gas.images]
    return [gas.positions, kept.flight, kept.heat, kept.turned, *images]


class _Inner:
    """A gas in the order of a list."""

    def __init__(self, gas: Gas, kept: Accumulators, carried: NDArray[Any], order: NDArray[np.int64]) -> None:
        self.order, self._slots = order, np.empty_like(order)
        self._slots[order] = np.arange(len(order))
        self.carried = self.in_order(carried)
        images = np.zeros((0, gas.dimensions), np.int64) if gas.images is None else self.in_order(gas.images)
        self.state = blocks.State(
            self.in_order(gas.positions), self.in_order(kept.flight), self.in_order(kept.heat),
            self.in_order(kept.turned), images,
        )  # fmt: skip
        self.particles = blocks.Particles(self.in_order(gas.ids), self.in_order(gas.species), self.in_order(gas.masses))

    def in_order(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values (N, ...) of the particles, in the order of the list; `take` is several times as fast as an index."""
        return values.take(self.order, axis=0)

    def back(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values (N, ...) in the order of the list, in that of the gas."""
        return values.take(self._slots, axis=0)

    def put_back(self, gas: Gas, kept: Accumulators, carried: NDArray[Any]) -> None:
        """Copies the state to the gas, in its own order."""
        gas.positions[...], kept.flight[...] = self.back(self.state.positions), self.back(self.state.velocities)
        kept.heat[...], kept.turned[...] = self.back(self.state.heat), self.back(self.state.turned)
        carried[...] = self.back(self.carried)
        if gas.images is not None:
            gas.images[...] = self.back(self.state.images)


def _fields(laws: Any, single: bool) -> tuple[Any, Any]:
    """The law of a sum of laws of one particle, and its parameters."""
    kernels, parameters = tuple(law.law for law in laws), tuple(law.parameters for law in laws)
    if single:
        return one_after_another(tuple(in_float32(law) for law in kernels)), parameters_in_float32(parameters)
    return one_after_another(kernels), parameters
