"""A list of neighbours that is built anew when particles have moved too far: a Verlet list (Verlet, 1967) of blocks.

It holds all pairs within the reach of a force plus a skin, and is valid until a particle has moved by half the skin. Sums
over it have the bits of sums over all pairs (`search`), so when it is built, and with which skin, changes the speed only: the
skin adapts, and nothing of the list belongs to the state of a run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import lanes_of
from gasfield.memory import free_memory
from gasfield.neighbours.blocks import boxes_of_nodes, node_count, partition
from gasfield.neighbours.lattice import Array, Lattice
from gasfield.neighbours.search import number_images, search

_SKIN = 0.12
"""The first skin, relative to the reach."""
_THINNEST, _THICKEST = 0.02, 0.5
_SHORT, _LONG = 12, 40
"""Uses of a list below which the next skin is thicker, and above which it is thinner."""
_TASKS = 16
"""Parts in which blocks are searched: enough to balance the threads, few because each has scratch of the size of the gas."""
_SHARE = 0.25
"""Of the free memory, which a list may take: nearly all pairs of many particles do not fit."""
_REST = 100
"""Uses for which no list is tried after one has not fitted."""


class NeighbourList:
    """Neighbours of the particles of a gas that moves.

    Attributes:
        slots: number of places for particles, a multiple of the lanes.
        order: (N,) the particle in each slot.
        coordinates: (rows * (D + 1),) place and strength of each slot and of each shifted source.
        own: (D * slots,) the places by coordinate; NaN in empty slots.
        rows: rows of the neighbours, those of a block between its begin and its end.
        begins, ends: (blocks,).
        close: (blocks,) whether a pair of the block may come within the core.
    """

    def __init__(self, reach: float, core: float, periods: Array, dtype: Any = np.float64) -> None:
        """An empty list.

        Args:
            reach: distance within which particles interact; finite [length].
            core: distance below which a law is continued [length].
            periods: (D,) of the space, 0 along coordinates that are not periodic.
            dtype: of the coordinates, float64 or float32.
        """
        self.reach, self.core, self.dtype = reach, core, np.dtype(dtype)
        self.lattice = Lattice.of(periods, dtype)
        self._far = 1e100 if self.dtype == np.float64 else 1e18  # its square is in range
        self._skin = _SKIN * reach
        self._uses = self._rests = 0
        self._start: Array | None = None
        self._room = 0
        self._count = -1

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.lattice.sides)

    def follow(self, positions: Array, strengths: Array, exerts: NDArray[np.bool_]) -> bool:
        """Moves the list to positions (N, D), with strengths (N,) of the sources; builds it anew where it must be.

        Returns:
            Whether a list is worth its memory; if not, loop over all pairs.
        """
        if self._rests:
            self._rests -= 1
            return False
        if self._start is None or len(positions) != self._count or not np.array_equal(exerts, self._exerts):
            return self._build(positions, strengths, exerts)
        if self._moved(positions, strengths) > 0.5 * self._skin - self._rounding(positions):
            self._adapt()
            return self._build(positions, strengths, exerts)
        self._uses += 1
        return True

    def _adapt(self) -> None:
        if self._uses < _SHORT:
            self._skin = min(1.25 * self._skin, _THICKEST * self.reach)
        elif self._uses > _LONG:
            self._skin = max(0.9 * self._skin, _THINNEST * self.reach)

    def _rounding(self, positions: Array) -> float:
        """How far rounded coordinates may be from the positions; in free space they are rounded to the type."""
        spacing = self.lattice.spacing
        if spacing.any() or self.dtype == np.float64:
            return float(np.sqrt(np.sum(spacing**2)))
        largest = float(np.max(np.abs(positions), initial=0.0, where=np.isfinite(positions)))
        return largest * float(np.finfo(self.dtype).eps) * np.sqrt(self.dimensions)

    def _moved(self, positions: Array, strengths: Array) -> float:
        """Takes over positions; the largest distance from those of the last build."""
        farthest = np.zeros(_TASKS)
        _take(positions, self._start, strengths, self.order, *self.lattice, self._far, self.slots, self.coordinates, self.own, farthest)
        _shift(self.coordinates, self._sources, self._shifts, self.slots)
        return float(np.sqrt(farthest.max()))

    def _build(self, positions: Array, strengths: Array, exerts: NDArray[np.bool_]) -> bool:
        lanes, dimensions = lanes_of(self.dtype), self.dimensions
        self._count, self._exerts, self._uses = len(positions), exerts.copy(), 0
        self._start = start = self._starts(positions)
        exerts = exerts & (np.abs(start) < self._far).all(axis=1)
        blocks = -(-len(start) // lanes)
        self.slots = blocks * lanes
        self.order = np.arange(len(start))
        partition(start, self.order, lanes)
        nodes = node_count(blocks)
        boxes, leaves, leaf = np.empty((nodes, 2 * dimensions)), np.empty(nodes, np.int64), np.empty(blocks, np.int64)
        boxes_of_nodes(start, self.order, lanes, boxes, leaves, leaf)
        numbers = np.full(self.slots, -1)
        numbers[: len(start)] = np.where(exerts[self.order], self.order, -1)
        width = dimensions + 1
        self.coordinates = np.zeros(self.slots * width, self.dtype)
        self.own = np.full(self.slots * dimensions, np.nan, self.dtype)
        self._sources, self._shifts = np.empty(0, np.int64), np.empty((0, dimensions), self.dtype)
        self._moved(positions, strengths)
        self.begins, self.ends = np.empty(blocks, np.int64), np.empty(blocks, np.int64)
        self.close = np.zeros(blocks, np.bool_)
        wanted = np.empty(min(_TASKS, blocks), np.int64)
        margin = self.reach + self._skin
        guess = self._room or 64
        while True:
            self.rows = np.empty(guess * len(wanted), np.uint32)
            search(
                self.coordinates, self.own, numbers, boxes, leaves, leaf, self.lattice.sides,
                margin, self.core + self._skin if self.core > 0.0 else 0.0,
                self.rows, self.begins, self.ends, self.close, wanted,
            )  # fmt: skip
            most = int(wanted.max())
            if most <= guess:
                break
            guess = most + most // 8
            if 4 * guess * len(wanted) > _SHARE * free_memory():
                self._start, self._rests = None, _REST
                return False
        self._room = guess
        self._number_images(dimensions)
        self._moved(positions, strengths)
        return True

    def _starts(self, positions: Array) -> Array:
        """Positions wrapped into the box; those that are not finite, which have no neighbours, far away."""
        sides = self.lattice.sides
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            starts = positions - np.where(sides > 0.0, np.rint(positions / sides) * sides, 0.0)
            starts[~(np.abs(starts) < self._far)] = self._far
        return np.ascontiguousarray(starts, np.float64)

    def _number_images(self, dimensions: int) -> None:
        codes = 3**dimensions if self.lattice.sides.any() else 1
        images = number_images(self.rows, self.begins, self.ends, self.slots, np.full(codes * self.slots, -1))
        self._sources = images % self.slots
        numbers = images // self.slots
        digits = np.stack([(numbers // 3**k + 1) % 3 - 1 for k in range(dimensions)], axis=1)
        self._shifts = np.ascontiguousarray(digits * self.lattice.sides, self.dtype)
        self.coordinates = np.concatenate(
            [self.coordinates, np.zeros(len(images) * (dimensions + 1), self.dtype)]
        )


@jit(**EXACT_PARALLEL)
def _take(positions, start, strengths, order, spacing, sides, far, slots, coordinates, own, farthest):  # type: ignore[no-untyped-def]
    """Writes the rounded image of each particle that is nearest to its start, and the largest square of a distance."""
    dimensions = positions.shape[1]
    tasks = farthest.size
    for task in prange(tasks):
        most = 0.0
        for slot in range(task * order.size // tasks, (task + 1) * order.size // tasks):
            i = order[slot]
            moved2 = 0.0
            for k in range(dimensions):
                x = positions[i, k]
                if sides[k] > 0.0:
                    x = np.rint(x / spacing[k]) * spacing[k]
                    x -= sides[k] * np.rint((x - start[i, k]) / sides[k])
                if not abs(x) < far:
                    x = far
                moved2 += (x - start[i, k]) ** 2
                coordinates[slot * (dimensions + 1) + k] = x
                own[k * slots + slot] = x
            coordinates[slot * (dimensions + 1) + dimensions] = strengths[i]
            if moved2 > most:
                most = moved2
        farthest[task] = most


@jit(**EXACT_PARALLEL)
def _shift(coordinates, sources, shifts, slots):  # type: ignore[no-untyped-def]
    """Writes the rows of the shifted sources."""
    width = shifts.shape[1] + 1
    for n in prange(sources.size):
        for k in range(width - 1):
            coordinates[(slots + n) * width + k] = coordinates[sources[n] * width + k] + shifts[n, k]
        coordinates[(slots + n) * width + width - 1] = coordinates[sources[n] * width + width - 1]
