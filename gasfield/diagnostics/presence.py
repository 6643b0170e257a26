"""Which rows have a finite position in which frames."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.stored import Stored

Vectors = NDArray[np.floating[Any]] | Stored
"""Positions or velocities (T, N, D): in memory, or read on demand."""


_LARGEST = 1e150
"""Number beyond which squares overflow in float64."""


def are_usable(x: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Whether numbers are finite, and have a finite square in float64."""
    return np.asarray(np.abs(x) < _LARGEST if x.dtype == np.float64 else np.isfinite(x))


class Presence(NamedTuple):
    """Where the rows of a group have a finite position, whose square is finite, too.

    Attributes:
        in_frame: (T,) how many rows have one in each frame.
        of_row: (N,) in how many frames each row has one.
        broken: (N,) the first step at which a row is there and has none; -1 for a row without such a step.
    """

    in_frame: NDArray[np.int64]
    of_row: NDArray[np.int64]
    broken: NDArray[np.int64]

    @classmethod
    def of(
        cls, steps: NDArray[np.int64], positions: Vectors, appears: NDArray[np.int64], disappears: NDArray[np.int64]
    ) -> Self:
        """That of positions (T, N, D) of rows that appear at some steps (N,), and are gone from others (N,) on."""
        in_frame, of_row = np.zeros(len(steps), np.int64), np.zeros(positions.shape[1], np.int64)
        broken = np.full(positions.shape[1], -1)
        for frame, x in enumerate(positions):
            finite = are_usable(x).all(axis=1)
            in_frame[frame] = finite.sum()
            of_row += finite
            there = (appears <= steps[frame]) & (steps[frame] < disappears)
            broken[~finite & there & (broken < 0)] = steps[frame]
        return cls(in_frame, of_row, broken)

    @property
    def fault(self) -> str | None:
        """How many rows are broken; None if none is."""
        since = self.broken[self.broken >= 0]
        if not len(since):
            return None
        return f"{len(since)} of {len(self.broken)} rows are not finite, from step {since.min()} on: they are left out"
