"""Numbers as text from which the same bits are read again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLE = 200
"""Rows that are written to find how long a line is."""
_SURE = 0.5
"""The part of the size found so that a file takes at the least."""


def texts_of(rows: NDArray[np.floating[Any]], between: str) -> list[str]:
    """Each row (m, D) as numbers joined by a separator: nine digits tell all numbers of float32 apart, and Python's
    shortest form those of float64; "nan" and "inf" where there are no numbers."""
    if rows.dtype.itemsize <= 4:
        line = between.join(["%.9g"] * rows.shape[1])
        return [line % tuple(row) for row in rows.tolist()]
    return [between.join(map(repr, row)) for row in rows.tolist()]


def least_bytes(rows: NDArray[np.floating[Any]], count: int) -> int:
    """What so many rows take as text at the least, by the first ones of them."""
    sample = rows[:_SAMPLE]
    found = sum(map(len, texts_of(sample, ","))) / max(1, len(sample))
    return int(_SURE * found * count)
