"""Arrays as a browser unpacks them with what it has (`DecompressionStream`, format "deflate"): whole numbers, as
differences along the first axis where these are small, by planes of bytes, deflated (zlib)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ABSENT = 0xFFFF
"""The quantised coordinate of a row that has no position."""
_CELLS = 0xFFFE
_LEVEL = 6


@dataclass(frozen=True)
class Grid:
    """A cube of cells: coordinate = low + cell * size, cells from 0 to `_CELLS`.

    Attributes:
        low: (K,) its lowest corner [length].
        cell: side of a cell, the same along all axes, so that angles and shapes are kept [length].
    """

    low: NDArray[np.float64]
    cell: float

    @classmethod
    def around(cls, low: NDArray[np.float64], high: NDArray[np.float64], bits: int = 16) -> Grid:
        """The cube around a box (K,), with 2^bits - 1 cells along its longest side; a little larger than a point."""
        side = float(np.max(high - low, initial=0.0))
        side = max(side, 1e-9 * float(np.max(np.abs([low, high]), initial=0.0)), 1e-300)
        middle = 0.5 * low + 0.5 * high
        cell = side / (2**bits - 2)
        return cls(middle - 0.5 * side, cell)

    def cells(self, places: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
        """The cell of each coordinate (..., K); `ABSENT` in all of a place with a NaN."""
        known = np.isfinite(places).all(axis=-1)
        inside = np.clip(np.rint((places - self.low) / self.cell), 0, _CELLS)
        cells: NDArray[np.uint16] = np.where(known[..., None], inside, ABSENT).astype(np.uint16)
        return cells


def pack(values: NDArray[Any], *, differences: bool = False) -> bytes:
    """Unsigned numbers of 8, 16 or 32 bits, of any shape.

    Args:
        values: to pack.
        differences: whether to store the first along the first axis, and then by how much each differs from the one
            before, modulo the size of the type, small ones of either sign as small numbers (zigzag).
    """
    words = np.ascontiguousarray(values)
    size = 8 * words.dtype.itemsize
    if differences and len(words) > 1:
        signed = np.dtype(f"i{words.dtype.itemsize}")
        change = (words[1:] - words[:-1]).view(signed)
        words = np.concatenate([words[:1], ((change << 1) ^ (change >> (size - 1))).view(words.dtype)])
    planes = words.reshape(-1, 1).view(np.uint8).reshape(-1, words.dtype.itemsize).T
    return zlib.compress(np.ascontiguousarray(planes).data, _LEVEL)
