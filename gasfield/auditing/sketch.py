"""A sample of the coordinates of each frame, small enough that those of all frames are in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing.frame import Frame

_NUMBERS, _OF_ONE = 1 << 24, 1 << 20
"""Most numbers that are kept of all frames together, and of one."""
_LEAST = 64
"""Least number of sampled rows, if there are so many."""
_SEED = 20160927  # arbitrary


@dataclass(frozen=True)
class Sample:
    """Which coordinates are kept of frames of one shape.

    Attributes:
        rows: (n,) ascending.
        columns: (d,) ascending.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, shape: tuple[int, int], frames: int) -> Sample:
        """A random sample of rows, and of columns if whole rows are too long."""
        chance = np.random.default_rng(_SEED)
        count, width = shape
        room = max(1, min(_OF_ONE, _NUMBERS // max(1, frames)))
        rows = min(count, max(_LEAST, room // max(1, width)))
        columns = min(width, max(1, room // max(1, rows)))
        return cls(_some(chance, count, rows), _some(chance, width, columns))

    def take(self, frame: Frame) -> NDArray[Any]:
        """(n, d) coordinates of a frame."""
        return np.array(frame.rows(self.rows)[:, self.columns])


def _some(chance: np.random.Generator, count: int, wanted: int) -> NDArray[np.int64]:
    return np.arange(count) if wanted >= count else np.sort(chance.choice(count, wanted, replace=False))
