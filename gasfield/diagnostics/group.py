"""The input of a diagnostic: some rows of a trajectory over its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import NotApplicable, Origin, RunContext
from gasfield.diagnostics.presence import Presence, Vectors
from gasfield.diagnostics.stored import Index, Stored
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.kernels.lattices import Precision, round_to
from gasfield.trajectory import NEVER, LiveRecord, Series

BLOCK_BYTES = 1 << 26
"""Most memory (in float64) of a block of frames, or of the histories of a block of rows."""
UNKNOWN = Origin()
ALL = "all rows"
"""Name of the group of all rows of a trajectory."""
T = TypeVar("T")


def once(function: Callable[[Group], T]) -> Callable[[Group], T]:
    """Caches a function of a group: it is computed once for each group."""

    @wraps(function)
    def remembered(group: Group) -> T:
        if function not in group.memo:
            group.memo[function] = function(group)
        found: T = group.memo[function]
        return found

    return remembered


@dataclass(frozen=True)
class Group:
    """N rows over T frames. Large ones stay in the file, which must be open; `blocks` and `row_blocks` go through them.

    Attributes:
        name: its name in messages and titles.
        steps: (T,) step of each frame, ascending.
        positions: (T, N, D) in the type they are stored in, an array or one that is read on demand; NaN before a
            particle appears [length].
        precision: the floating-point lattice of the positions: "float64", or a `Precision`.
        bonds: (B, 2) pairs of row numbers within the group; empty where it is not a structure.
        notes: what was left out of the group, and why.
        times: (T,) time of each frame; the steps where nothing else is known.
        velocities: (T, N, D) [length/time]; None where the trajectory has none.
        masses: (N,); ones where nothing else is known.
        charges: (N,); zeros where nothing else is known.
        ids: (N,) rows of the trajectory, by which forces identify particles; 0 to N - 1 where nothing else is known.
        appears: (N,) the step from which each row is there; zeros, from the start, where nothing else is known.
        disappears: (N,) the step from which each row is gone; beyond all steps where nothing else is known.
        series: scalar time series of this group by name (`potential_energy`, `heat`, ...), each with its own steps.
        origin: what is known of the run behind it.
        live: what a recording holds of live rows besides their motion; None where it holds nothing.
        parts: the groups that the whole gas consists of; empty for a group by itself.
        memo: values cached by `once`.
    """

    name: str
    steps: NDArray[np.int64]
    positions: Vectors
    precision: str = "float64"
    bonds: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    notes: tuple[str, ...] = ()
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    velocities: Vectors | None = None
    masses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    charges: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    appears: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    disappears: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    series: Mapping[str, Series] = field(default_factory=dict)
    origin: Origin = UNKNOWN
    live: LiveRecord | None = None
    parts: tuple[Group, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not len(self.times):
            object.__setattr__(self, "times", self.steps.astype(np.float64))
        if not len(self.masses):
            object.__setattr__(self, "masses", np.ones(self.count))
        if not len(self.charges):
            object.__setattr__(self, "charges", np.zeros(self.count))
        if not len(self.ids):
            object.__setattr__(self, "ids", np.arange(self.count))
        if not len(self.appears):
            object.__setattr__(self, "appears", np.zeros(self.count, np.int64))
        if not len(self.disappears):
            object.__setattr__(self, "disappears", np.full(self.count, NEVER))

    # --- the run behind it -------------------------------------------------------------------------------------------

    @property
    def run(self) -> RunContext:
        """The model of the run.

        Raises:
            NotApplicable: if there is none, or it cannot be rebuilt; the message gives the reason.
        """
        if self.origin.context is None:
            raise NotApplicable(self.origin.reason)
        return self.origin.context

    @property
    def forces(self) -> TotalForce:
        """The forces that act on the group.

        Raises:
            NotApplicable: if they are not known.
        """
        return self.run.forces(None if self.is_whole else self.name)

    @property
    def known_forces(self) -> tuple[TotalForce | None, str]:
        """The same, or None and the reason why they are not known."""
        try:
            return self.forces, ""
        except NotApplicable as reason:
            return None, str(reason)

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole gas."""
        return bool(self.parts)

    @property
    def curved(self) -> bool:
        """Whether its space is known to be curved."""
        return self.origin.context is not None and self.origin.context.space.curved

    @property
    def repeats(self) -> bool:
        """Whether its space is known to be periodic."""
        return self.origin.context is not None and bool(self.origin.context.space.periods.any())

    # --- rows and frames ---------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of rows N."""
        return int(self.positions.shape[1])

    @property
    def dimensions(self) -> int:
        """Number of dimensions D."""
        return int(self.positions.shape[2])

    @property
    def spacings(self) -> NDArray[np.int64]:
        """(T - 1,) steps from each frame to the next."""
        return np.diff(self.steps)

    @property
    def interval(self) -> str:
        """The time from one frame to the next in words: "step", "10 steps", or "recorded interval" where it varies."""
        spacings = np.unique(self.spacings)
        if len(spacings) != 1:
            return "recorded interval" if len(spacings) else "step"
        return "step" if spacings[0] == 1 else f"{spacings[0]} steps"

    def gas(self, frame: int) -> Gas:
        """The rows in one frame, as input of forces: all of one species, named after the group."""
        return Gas(
            np.ascontiguousarray(self.positions[frame], np.float64),
            np.zeros(self.count, np.int64),
            [self.name],
            np.full(self.count, -1),
            [""] * self.count,
            step=int(self.steps[frame]),
            time=float(self.times[frame]),
            masses=self.masses,
            charges=self.charges,
            ids=self.ids,
        )

    def probe(self, places: NDArray[np.float64], frame: int = -1) -> Gas:
        """Particles like the first of the group at other places (M, D), at the time of a frame."""
        count = len(places)
        return Gas(
            np.ascontiguousarray(places, np.float64),
            np.zeros(count, np.int64),
            [self.name],
            np.full(count, -1),
            [""] * count,
            step=int(self.steps[frame]),
            time=float(self.times[frame]),
            masses=np.full(count, self.masses[0]),
            charges=np.full(count, self.charges[0]),
        )

    def places(self, frames: Index = slice(None), rows: Index = slice(None)) -> NDArray[np.float64]:
        """Positions (f, n, D) in float64, in some frames, of some rows."""
        return _doubles(self.positions, frames, rows)

    def speeds(self, frames: Index = slice(None), rows: Index = slice(None)) -> NDArray[np.float64]:
        """Velocities (f, n, D) in float64, in some frames, of some rows.

        Raises:
            NotApplicable: if there are none.
        """
        if self.velocities is None:
            raise NotApplicable("no velocities were kept")
        return _doubles(self.velocities, frames, rows)

    def frame(self, index: int) -> NDArray[np.float64]:
        """Positions (N, D) in float64, in one frame; negative indices count from the end."""
        frame: NDArray[np.float64] = self.positions[int(index)].astype(np.float64)
        return frame

    def viewed(self, precision: Precision) -> Group:
        """The same rows with positions rounded to a precision, to nearest."""
        views = self.memo.setdefault("views", {})
        if precision not in views:
            rounded = partial(round_to, precision=precision)
            held = self.positions
            positions: Vectors = held.mapped(rounded) if isinstance(held, Stored) else rounded(held)
            views[precision] = replace(self, positions=positions, precision=precision)
        view: Group = views[precision]
        return view

    def at_frames(self, frames: Index) -> Group:
        """The same rows in some of the frames."""
        velocities = None if self.velocities is None else self.velocities[frames]
        return replace(
            self,
            steps=self.steps[frames],
            times=self.times[frames],
            positions=self.positions[frames],
            velocities=velocities,
        )

    @once
    def under_one_law(self) -> Group:
        """The frames and observations since the last event that has changed how the gas moves; the model of the run is
        that of after it. The same group where no event did."""
        context = self.origin.context
        return self if context is None else self._from(context.since)

    def _from(self, step: int) -> Group:
        late = self.steps >= step
        if late.all() or not late.any():
            return self
        left = (
            f"the {int(np.sum(~late))} frames before the event at step {step} are left out: it has changed the motion"
        )
        return replace(
            self.at_frames(late),
            series={name: series.since(step) for name, series in self.series.items()},
            notes=(*self.notes, left),
            parts=tuple(part._from(step) for part in self.parts),
        )

    def of_rows(self, rows: Index) -> Group:
        """Some of its rows, by index or by flag, ascending; with the bonds between them."""
        number = np.full(self.count, -1)
        number[rows] = np.arange(len(np.arange(self.count)[rows]))
        bonds = number[self.bonds]
        return replace(
            self,
            positions=self.positions[:, rows],
            velocities=None if self.velocities is None else self.velocities[:, rows],
            masses=self.masses[rows],
            charges=self.charges[rows],
            ids=self.ids[rows],
            appears=self.appears[rows],
            disappears=self.disappears[rows],
            live=None if self.live is None else self.live.of_rows(rows),
            bonds=bonds[(bonds >= 0).all(axis=1)],
        )

    @once
    def presence(self) -> Presence:
        """Where rows have a finite position, and where they should have one."""
        return Presence.of(self.steps, self.positions, self.appears, self.disappears)

    def finite_rows(self) -> NDArray[np.bool_]:
        """(N,) whether a row has a finite position in every frame."""
        return np.asarray(self.presence().of_row == len(self.steps))

    @property
    def fault(self) -> str | None:
        """Which rows are there without a finite position; None if none is."""
        return self.presence().fault

    @once
    def present(self) -> Group:
        """The part in which every row has a finite position in every frame.

        Kept are the frames in which any row has one, and of those rows the ones that have one throughout; a note says
        what went, and whether it was yet to be planted or is broken.
        """
        return self.throughout(self.presence())

    def throughout(self, presence: Presence) -> Group:
        """The frames in which any row has a finite position, and the rows that have one in all of these."""
        if np.all(presence.in_frame == self.count):
            return self
        frames = presence.in_frame > 0
        rows = (presence.of_row == frames.sum()) & bool(frames.any())
        notes = list(self.notes)
        if not frames.all():
            notes.append(f"{int(np.sum(~frames))} of {len(frames)} frames contain no row of the group and are left out")
        if late := int(np.sum(~rows & (presence.broken < 0))):
            gone = np.any(~rows & (self.disappears <= self.steps[-1]))
            why = "planted later, or taken away," if gone else "planted later"
            notes.append(f"{late} of {len(rows)} rows are {why} and are left out")
        if presence.fault is not None:
            notes.append(presence.fault)
        return replace(self.at_frames(frames).of_rows(rows), notes=tuple(notes))

    def blocks(self, overlap: int = 0, parts: int = 1) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """The frames in float64, block by block, so that a long trajectory need not fit in memory twice:
        (frames, (t, N, D)).

        Each block but the first repeats the last `overlap` frames of the one before. Callers that make
        several arrays of the size of a block pass their number as `parts`, and blocks are smaller by that factor.
        """
        size = max(1 + overlap, BLOCK_BYTES // max(1, 8 * parts * self.count * self.dimensions))
        last = len(self.steps) - overlap
        for start in range(0, max(last, 0), size - overlap):
            span = slice(start, min(start + size, len(self.steps)))
            yield span, self.places(span)

    def row_blocks(self, parts: int = 1) -> Iterator[slice]:
        """Blocks of rows whose histories fit into memory; `parts` as for `blocks`."""
        size = max(1, BLOCK_BYTES // max(1, 8 * parts * len(self.steps) * self.dimensions))
        for start in range(0, self.count, size):
            yield slice(start, min(start + size, self.count))


def _doubles(vectors: Vectors, frames: Index, rows: Index) -> NDArray[np.float64]:
    doubles: NDArray[np.float64] = vectors[frames][:, rows].astype(np.float64)
    return doubles
