"""A list of neighbours that is built anew when particles have moved too far: a Verlet list (Verlet, 1967) of blocks.

It holds all pairs within the reach of a force plus a skin, and is valid until a particle has moved by half the skin; of
them, those within a thinner skin are used, and chosen anew when a particle has moved by half of that. Sums over the
list have the bits of sums over all pairs (`search`), so when it is built, and with which skins, changes the speed only:
the skin adapts, and nothing of the list belongs to the state of a run.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import lanes_of
from gasfield.kernels.threads import side_by_side
from gasfield.memory import free_memory
from gasfield.neighbours.blocks import boxes_of_nodes, node_count, partition
from gasfield.neighbours.lattice import Array, Lattice
from gasfield.neighbours.pruning import prune
from gasfield.neighbours.search import CLUSTER, number_images, search

_SKIN = 0.3
"""The first skin, relative to the reach."""
_THINNEST, _THICKEST = 0.05, 0.6
_NEAR = 0.105
"""The skin of the pruned list, relative to the reach: sums over a longer one cost more than pruning more often."""
_SHORT, _SHORT_OF_FEW, _LONG = 20, 200, 300
"""Uses of a list below which the next skin is thicker (of many particles, and of few, where building costs more than
the search itself), and above which it is thinner."""
_PARTITIONS = 4
"""Builds from one partition into blocks to the next: particles stay near each other for longer than a list lasts."""
_TASKS = 16
"""Parts in which blocks are searched, to balance the threads."""
_ALONE = 2_000
"""Particles below which one thread is as fast."""
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
        rows, begins, ends: rows of coordinates of the near neighbours, those of a block between its begin and its end.
        close: (blocks,) whether a pair of the block may come within the core.
        all_rows, all_begins, all_ends: those of all neighbours listed, for each cluster of blocks.
        sources, shifts: the slots of the shifted sources, and their shifts, (images,) and (images, D).
        start, since: (N, D) places when the list was built, and when it was pruned.
        far: coordinate of what is not finite.
        builds: how often it was built.
    """

    order: NDArray[np.int64]
    coordinates: NDArray[Any]
    own: NDArray[Any]
    rows: NDArray[np.uint32]
    all_rows: NDArray[np.uint32]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    all_begins: NDArray[np.int64]
    all_ends: NDArray[np.int64]
    close: NDArray[np.bool_]
    sources: NDArray[np.int64]
    shifts: NDArray[Any]
    since: Array

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
        self.far = 1e100 if self.dtype == np.float64 else 1e18  # its square is in range
        self.slots = self._uses = self._rests = self._room = self.builds = 0
        self._skin, self._roughness = _SKIN * reach, 0.0
        self.start: Array | None = None
        self._exerts, self._row_of = np.empty(0, np.bool_), np.empty(0, np.int64)

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.lattice.sides)

    @property
    def allowance(self) -> float:
        """How far a particle may move from its start until the list must be built anew [length]."""
        return 0.5 * self._skin - self._roughness

    @property
    def near_allowance(self) -> float:
        """How far a particle may move until the list must be pruned anew [length]."""
        return 0.5 * self._near_skin - self._roughness

    @property
    def near_reach(self) -> tuple[float, float]:
        """The distance within which neighbours are near, and that within which a block is close [length]."""
        skin = self._near_skin
        return self.reach + skin, self.core + skin if self.core > 0.0 else 0.0

    @property
    def _near_skin(self) -> float:
        return min(_NEAR * self.reach, self._skin)

    def used(self, uses: int) -> None:
        """Counts uses of the list, by which the skin adapts."""
        self._uses += uses

    def follow(self, positions: Array, strengths: Array, exerts: NDArray[np.bool_]) -> bool:
        """Moves the list to positions (N, D), with strengths (N,) of the sources; builds or prunes it anew where it
        must be.

        Returns:
            Whether a list is worth its memory; if not, loop over all pairs.
        """
        if self._rests:
            self._rests -= 1
            return False
        if self.start is None or len(positions) != len(self.start) or not np.array_equal(exerts, self._exerts):
            return self._build(positions, strengths, exerts)
        moved, moved_since = self._take(positions, strengths)
        if moved > self.allowance:
            return self.rebuild(positions, strengths, exerts)
        if moved_since > self.near_allowance:
            self._prune()
        self._uses += 1
        return True

    def rebuild(self, positions: Array, strengths: Array, exerts: NDArray[np.bool_]) -> bool:
        """Builds the list anew where particles have moved too far; arguments and result as of `follow`."""
        self._adapt()
        return self._build(positions, strengths, exerts)

    def _adapt(self) -> None:
        if self._uses < (_SHORT if len(self._exerts) > _ALONE else _SHORT_OF_FEW):
            self._skin = min(1.25 * self._skin, _THICKEST * self.reach)
        elif self._uses > _LONG:
            self._skin = max(0.9 * self._skin, _THINNEST * self.reach)

    def _rounding(self, positions: Array) -> float:
        """How far rounded coordinates may be from the positions; in free space, as distances, to the type."""
        spacing = self.lattice.spacing
        if spacing.any() or self.dtype == np.float64:
            return float(np.sqrt(np.sum(spacing**2)))
        largest = float(np.max(np.abs(positions), initial=0.0, where=np.abs(positions) < self.far))
        return (largest + self.reach) * float(np.finfo(self.dtype).eps) * math.sqrt(self.dimensions)

    @property
    def threads(self) -> int | None:
        """How many threads are worth starting for a sum over the list; None for as many as Numba has."""
        return 1 if self.slots < _ALONE else None

    def _take(self, positions: Array, strengths: Array) -> tuple[float, float]:
        """Takes over positions; the largest distances from those of the last build, and of the last pruning."""
        threads = self.threads or numba.get_num_threads()
        moved = np.zeros((threads, 2))
        side_by_side(
            lambda thread, threads: _take_part(
                positions, self.start, self.since, strengths, self.order, *self.lattice, self.far, self.slots,
                self.coordinates, self.own, moved, thread, threads,
            ),
            threads,
        )  # fmt: skip
        shift(self.coordinates, self.sources, self.shifts, self.slots)
        farthest = np.sqrt(moved.max(axis=0))
        return float(farthest[0]), float(farthest[1])

    def _build(self, positions: Array, strengths: Array, exerts: NDArray[np.bool_]) -> bool:
        again = self.start is not None and len(self.start) == len(positions)
        try:
            return self._build_all(positions, strengths, exerts, again)
        except BaseException:  # half a list must not be followed
            self.start = None
            raise

    def _build_all(self, positions: Array, strengths: Array, exerts: NDArray[np.bool_], again: bool) -> bool:
        lanes, dimensions = lanes_of(self.dtype), self.dimensions
        self._exerts, self._uses = exerts.copy(), 0
        self.start = self.since = start = self._starts(positions)
        self._roughness = self._rounding(start)
        blocks = -(-len(start) // lanes)
        self.slots = blocks * lanes
        self.order = self.order if again else np.arange(len(start))
        if not again or self.builds % _PARTITIONS == 0:
            self.order = self.order.copy()
            partition(start, self.order, lanes, self.threads)
        self.builds += 1
        self.coordinates = np.zeros(self.slots * (dimensions + 1), self.dtype)
        self.own = np.full(self.slots * dimensions, np.nan, self.dtype)
        self.sources, self.shifts = np.empty(0, np.int64), np.empty((0, dimensions), self.dtype)
        self._take(positions, strengths)
        exerts = exerts & (np.abs(start) < self.far).all(axis=1)
        if not self._search(start, exerts, blocks, lanes):
            self.start, self._rests = None, _REST
            return False
        self._number_images()
        self.since = start.copy()
        self._take(positions, strengths)
        self.rows = np.empty(CLUSTER * len(self.all_rows), np.uint32)
        self.begins, self.ends = np.empty(blocks, np.int64), np.empty(blocks, np.int64)
        self.close = np.zeros(blocks, np.bool_)
        self._prune()
        return True

    def _starts(self, positions: Array) -> Array:
        """Positions wrapped into the box; those that are not finite, which have no neighbours, far away."""
        sides = self.lattice.sides
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            starts = positions - np.where(sides > 0.0, np.rint(positions / sides) * sides, 0.0)
            starts[~(np.abs(starts) < self.far)] = self.far
        return np.ascontiguousarray(starts, np.float64)

    def _search(self, start: Array, exerts: NDArray[np.bool_], blocks: int, lanes: int) -> bool:
        """Lists neighbours; False if the list would take too much memory."""
        nodes = node_count(blocks)
        boxes, leaves = np.empty((nodes, 2 * self.dimensions)), np.empty(nodes, np.int64)
        node_of = np.empty(blocks, np.int64)
        boxes_of_nodes(start, self.order, lanes, boxes, leaves, node_of)
        numbers = np.full(self.slots, -1)
        numbers[: len(start)] = np.where(exerts[self.order], self.order, -1)
        clusters = -(-blocks // CLUSTER)
        self.all_begins, self.all_ends = np.empty(clusters, np.int64), np.empty(clusters, np.int64)
        wanted = np.empty(min(_TASKS, clusters), np.int64)
        room = self._room or 64
        while True:
            self.all_rows = rows = np.empty(room * len(wanted), np.uint32)
            side_by_side(
                lambda thread, threads, rows=rows: search(  # type: ignore[misc]
                    self.coordinates, self.own, numbers, boxes, leaves, node_of, self.lattice.sides,
                    self.reach + self._skin, rows, self.all_begins, self.all_ends, wanted, thread, threads,
                ),
                self.threads,
            )  # fmt: skip
            most = int(wanted.max())
            if most <= room:
                self._room = room
                return True
            room = most + most // 8
            if 4 * (1 + CLUSTER) * room * len(wanted) > _SHARE * free_memory():
                return False

    def _number_images(self) -> None:
        """Gives every shifted source a row of coordinates."""
        codes = 3**self.dimensions if self.lattice.sides.any() else 1
        if len(self._row_of) != codes * self.slots:
            self._row_of = np.zeros(codes * self.slots, np.int64)
        images = number_images(self.all_rows, self.all_begins, self.all_ends, self.slots, self._row_of)
        self.sources = images % self.slots
        numbers = images // self.slots
        digits = np.stack([(numbers // 3**k + 1) % 3 - 1 for k in range(self.dimensions)], axis=1)
        self.shifts = np.ascontiguousarray(digits * self.lattice.sides, self.dtype)
        more = np.zeros(len(images) * (self.dimensions + 1), self.dtype)
        self.coordinates = np.concatenate([self.coordinates, more])

    def _prune(self) -> None:
        """Chooses the near neighbours."""
        blocks = len(self.begins)
        side_by_side(
            lambda thread, threads: prune(
                self.coordinates, self.own, self.all_rows, self.all_begins, self.all_ends, *self.near_reach, self.rows,
                self.begins, self.ends, self.close, blocks * thread // threads, blocks * (thread + 1) // threads,
            ),
            self.threads,
        )  # fmt: skip
        self.since[self.order] = self.own.reshape(self.dimensions, -1)[:, : len(self.order)].T


@jit(**IN_PLACE)
def _take_part(  # type: ignore[no-untyped-def]
    positions, start, since, strengths, order, spacing, sides, far, slots, coordinates, own, moved, thread, threads
):
    """Writes the rounded image of each particle that is nearest to its start, and the largest squares of distances from
    start and since, to the row of the thread in `moved`."""
    dimensions = positions.shape[1]
    most, most_since = 0.0, 0.0
    for slot in range(thread * order.size // threads, (thread + 1) * order.size // threads):
        i = order[slot]
        away, away_since = 0.0, 0.0
        for k in range(dimensions):
            x = place_near(positions[i, k], start[i, k], spacing[k], sides[k], far)
            coordinates[slot * (dimensions + 1) + k] = x
            own[k * slots + slot] = x
            away += (x - start[i, k]) ** 2
            away_since += (x - since[i, k]) ** 2
        coordinates[slot * (dimensions + 1) + dimensions] = strengths[i]
        most, most_since = max(most, away), max(most_since, away_since)
    moved[thread, 0], moved[thread, 1] = most, most_since


@jit(**IN_PLACE, forceinline=True)
def place_near(x, start, spacing, side, far):  # type: ignore[no-untyped-def]
    """The coordinate of a particle on the lattice, at the image nearest to its start; `far` if it is not finite."""
    if side > 0.0:
        x = np.rint(x * (1.0 / spacing)) * spacing  # a power of two: exact
        x -= side * np.rint((x - start) * (1.0 / side))
    return x if abs(x) < far else far


@jit(**IN_PLACE)
def shift(coordinates, sources, shifts, slots):  # type: ignore[no-untyped-def]
    """Writes the rows of the shifted sources."""
    width = shifts.shape[1] + 1
    for n in range(sources.size):
        for k in range(width - 1):
            coordinates[(slots + n) * width + k] = coordinates[sources[n] * width + k] + shifts[n, k]
        coordinates[(slots + n) * width + width - 1] = coordinates[sources[n] * width + width - 1]
