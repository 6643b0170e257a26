"""Coordinates in a periodic box as multiples of a small spacing, so that periods are added and distances taken exactly.

A float has so many bits that all multiples of a power of two up to twice the side can be represented. Positions rounded
to such multiples, and a side rounded to one, have exact sums x + n L and differences: the distance of a pair is the
same number, whichever of its images are used. The rounding is one unit in the last place of a position near the side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SPARE = 1
"""Bits kept for positions up to twice the largest coordinate, those of images."""


class Lattice(NamedTuple):
    """Attributes:
    spacing: (D,) a power of two along periodic coordinates; 0 along others, which are not rounded [length].
    sides: (D,) the periods, multiples of the spacing; 0 along others [length].
    """

    spacing: Array
    sides: Array

    @classmethod
    def of(cls, periods: Array, dtype: Any = np.float64) -> Lattice:
        """The lattice of a box with periods (D,), 0 along coordinates that are not periodic, in the numbers of a
        type."""
        spacing = np.zeros(len(periods))
        if not periods.any():
            return cls(spacing, spacing)
        bits = np.finfo(dtype).nmant + 1
        long = periods > 0.0
        spacing[long] = 2.0 ** (np.ceil(np.log2(periods[long])) + _SPARE - bits)
        sides = np.zeros(len(periods))
        sides[long] = np.rint(periods[long] / spacing[long]) * spacing[long]
        return cls(spacing, sides)

    def rounded(self, positions: Array) -> Array:
        """Positions (N, D), rounded to multiples of the spacing along periodic coordinates."""
        spacing = np.where(self.spacing > 0.0, self.spacing, 1.0)
        rounded: Array = np.where(self.spacing > 0.0, np.rint(positions / spacing) * spacing, positions)
        return rounded
