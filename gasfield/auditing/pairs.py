"""How far the rows have moved from one frame to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing.frame import Frame, blocks

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """Motion of all rows between two frames.

    Attributes:
        squares: (N,) squared distance of each row from where it was.
        turned: (N,) the same relative to the sum of its squared distances from the two centres: 0 if it is where it
            was, about 1 if the two places have nothing to do with each other.
        changed: number of coordinates that are not what they were.
    """

    squares: Values
    turned: Values
    changed: int


def motion_of(before: Frame, after: Frame, rows: NDArray[np.bool_]) -> Motion:
    """Reads both frames, some rows at a time.

    Args:
        before: (N, D) a frame.
        after: the next one.
        rows: (N,) which rows are finite in both; the others get zeros.
    """
    count = max(1, int(rows.sum()))
    centres = [sum((x[rows[place]].sum(axis=0) for place, x in blocks(each)), 0.0) / count for each in (before, after)]
    squares, scales, changed = np.zeros(len(rows)), np.zeros(len(rows)), 0
    for (place, x), (_, y) in zip(blocks(before), blocks(after), strict=True):
        changed += int(np.count_nonzero(x != y))
        squares[place] = np.sum((y - x) ** 2, axis=1)
        scales[place] = np.sum((x - centres[0]) ** 2, axis=1) + np.sum((y - centres[1]) ** 2, axis=1)
    squares[~rows] = scales[~rows] = 0.0
    return Motion(squares, np.divide(squares, scales, out=np.zeros(len(rows)), where=scales > 0), changed)
