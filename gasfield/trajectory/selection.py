"""Frames and rows of a trajectory, and reading them by pieces: whole chunks of the file, so that none is unpacked
twice and memory does not grow with the trajectory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.printable import listed, storable

if TYPE_CHECKING:
    from gasfield.trajectory.reader import Trajectory

Rows = NDArray[np.int64] | slice | None
PIECE_BYTES = 1 << 26
"""Most bytes of a piece, unless one chunk of frames is larger."""


@dataclass(frozen=True)
class Selection:
    """Frames and rows of a trajectory.

    Attributes:
        frames: (t,) indices, ascending.
        rows: (n,) particle indices, ascending.
    """

    frames: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(
        cls, trajectory: Trajectory, rows: Rows = None, frames: slice | NDArray[np.int64] | None = None
    ) -> Selection:
        """By indices; everything by default.

        Raises:
            InputError: if frames are not in ascending order, or there is no such frame or row.
        """
        try:
            chosen = np.arange(len(trajectory))[slice(None) if frames is None else frames]
            kept = np.arange(trajectory.count)[slice(None) if rows is None else rows]
        except IndexError as fault:
            raise InputError(f"{trajectory.path}: no such frames or rows: {fault}.") from None
        if np.any(np.diff(chosen) <= 0):
            raise InputError("frames are read in ascending order, each once.", parameter="frames")
        return cls(chosen, kept)

    @property
    def count(self) -> int:
        """Number of positions: frames times rows."""
        return len(self.frames) * len(self.rows)

    def nbytes(self, trajectory: Trajectory) -> int:
        """Size of the positions in memory."""
        return self.count * trajectory.dimensions * trajectory.number_type.itemsize

    def pieces(self, trajectory: Trajectory) -> Iterator[Piece]:
        """The positions, some frames at a time."""
        for part in self._parts(trajectory):
            frames = self.frames[part]
            first, last = int(frames[0]), int(frames[-1]) + 1
            block = trajectory.positions(self.rows, slice(first, last))
            if len(block) > len(frames):
                block = block[frames - first]
            present = trajectory.appears[self.rows] <= trajectory.steps[frames][:, None]
            yield Piece(frames, trajectory.steps[frames], trajectory.times[frames], block, present)

    def largest_piece(self, trajectory: Trajectory) -> int:
        """Bytes of the largest piece, with the frames in between that are read with it."""
        frame = len(self.rows) * trajectory.dimensions * trajectory.number_type.itemsize
        spans = (int(self.frames[part][-1] - self.frames[part][0]) + 1 for part in self._parts(trajectory))
        return frame * max(spans, default=0)

    def _parts(self, trajectory: Trajectory) -> Iterator[slice]:
        """Runs of frames that lie in neighbouring chunks, as many chunks as a piece may have."""
        frame = max(1, len(self.rows) * trajectory.dimensions * trajectory.number_type.itemsize)
        block = trajectory.frames_in_chunk
        chunks = max(1, PIECE_BYTES // (block * frame))
        breaks = np.flatnonzero(np.diff(self.frames // (block * chunks))) + 1
        for start, stop in zip([0, *breaks], [*breaks, len(self.frames)], strict=True):
            if stop > start:
                yield slice(int(start), int(stop))


@dataclass(frozen=True)
class Piece:
    """Some frames.

    Attributes:
        frames: (t,) their indices.
        steps, times: (t,).
        positions: (t, n, D) [length].
        present: (t, n) which rows are there; the others are planted later and have no position (NaN).
    """

    frames: NDArray[np.int64]
    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    positions: NDArray[np.floating[Any]]
    present: NDArray[np.bool_]


@dataclass(frozen=True)
class Labels:
    """What is said of rows once.

    Attributes:
        rows: (n,) particle indices.
        token_ids: (n,), -1 where a particle is not a token.
        tokens: (n,) strings, without halves of characters and without NUL.
        groups: (n,) names.
    """

    rows: NDArray[np.int64]
    token_ids: NDArray[np.int64]
    tokens: list[str]
    groups: list[str]

    @classmethod
    def of(cls, trajectory: Trajectory, rows: NDArray[np.int64]) -> Labels:
        """Those of some rows of a trajectory."""
        return cls(
            rows,
            np.asarray(trajectory.token_ids)[rows],
            [storable(trajectory.tokens[row]) for row in rows.tolist()],
            [storable(trajectory.names[number]) for number in trajectory.species[rows].tolist()],
        )


def select(
    trajectory: Trajectory,
    *,
    frames: str | None = None,
    steps: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    rows: str | None = None,
) -> Selection:
    """Frames and rows as a user names them.

    Args:
        trajectory: open.
        frames: a range a:b, the end excluded; negative numbers count from the end. All by default.
        steps: only the frames of these steps.
        groups: only rows of these groups.
        rows: only rows of this range a:b of row numbers, the end excluded.

    Raises:
        InputError: if there is no such frame, step, group or row, or nothing is left.
    """
    kept = np.arange(len(trajectory))
    if frames is not None:
        kept = kept[frame_range(frames, len(kept), "frames")]
    if steps is not None:
        missing = sorted(set(steps) - set(trajectory.steps.tolist()))
        if missing:
            there = f"it has {len(trajectory)}, steps {trajectory.steps[0]} to {trajectory.steps[-1]}"
            message = f"{trajectory.path}: no frame at step {listed(list(map(str, missing)), 8)}; {there}."
            raise InputError(message, parameter="steps")
        kept = kept[np.isin(trajectory.steps[kept], list(steps))]
    chosen = np.ones(trajectory.count, np.bool_)
    if groups is not None:
        for name in groups:
            if name not in trajectory.names:
                message = f"no group '{name}'; the groups here are {listed(trajectory.names)}."
                raise InputError(message, parameter="groups")
        chosen = np.isin(trajectory.species, [trajectory.names.index(name) for name in groups])
    if rows is not None:
        inside = np.zeros(trajectory.count, np.bool_)
        inside[index_range(rows, trajectory.count, "rows", "rows")] = True
        chosen &= inside
    for left, what in ((kept, "frame"), (np.flatnonzero(chosen), "row")):
        if not len(left):
            raise InputError(f"{trajectory.path}: no {what} is left by this selection.", parameter=f"{what}s")
    return Selection(kept, np.flatnonzero(chosen))


def frame_range(text: str, count: int, parameter: str) -> slice:
    """The frames of a range a:b, the end excluded; negative numbers count from the end.

    Raises:
        InputError: if it is no range, or reaches beyond the frames.
    """
    return index_range(text, count, parameter, "frames")


def index_range(text: str, count: int, parameter: str, what: str) -> slice:
    """A range a:b of `count` things of one kind, as `frame_range`.

    Raises:
        InputError: if it is no range, or reaches beyond them.
    """
    match = re.fullmatch(r"\s*(-?\d{0,15})\s*:\s*(-?\d{0,15})\s*", text, re.ASCII)
    if match is None:
        raise InputError(f"write {what} as a range a:b, the end excluded.", parameter=parameter, value=text)
    start, stop = (int(part) if part.strip("-") else None for part in match.groups())
    first, last, _ = slice(start, stop).indices(count)
    if (stop is not None and stop > count) or last <= first:
        raise InputError(
            f"the trajectory has {count} {what}, 0 to {count - 1}; {text} is no range of them.", parameter=parameter
        )
    return slice(first, last)
