"""Which unrounded numbers are stored as a given one: the interval of each number of a floating-point lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.bfloat16 import from_bits, keys, round_to_bfloat16

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Preimage:
    """Intervals of unrounded numbers.

    Attributes:
        low, high: (N, D) their ends.
    """

    low: Values
    high: Values

    @classmethod
    def of(cls, stored: NDArray[np.float32], precision: str, updates: int) -> Self:
        """Those of stored numbers (N, D).

        In bfloat16: what is rounded to the nearest gives this number, half a cell to either side. In float32: one unit
        in the last place for each of some updates, the standard to which the law is that of the reference.
        """
        exact = stored.astype(np.float64)
        if precision == "bfloat16":
            place = keys(stored)
            return cls(0.5 * (exact + _numbers(place - 1)), 0.5 * (exact + _numbers(place + 1)))
        unit = updates * np.spacing(np.abs(stored)).astype(np.float64)
        return cls(exact - unit, exact + unit)

    def including(self, values: Values, where: NDArray[np.bool_]) -> Self:
        """Extended to include some values (N, D), where that is asked for."""
        return type(self)(
            np.where(where, np.minimum(self.low, values), self.low),
            np.where(where, np.maximum(self.high, values), self.high),
        )

    def excess(self, values: Values) -> Values:
        """(N, D) how far values are above (> 0) or below (< 0) the interval; 0 inside [length]."""
        return np.maximum(values - self.high, 0.0) + np.minimum(values - self.low, 0.0)


@dataclass(frozen=True)
class Neighbours:
    """The two numbers of the bfloat16 lattice around unrounded ones.

    Attributes:
        low, high: (N, D).
        fraction: (N, D) place of the unrounded number between them, 0 to 1.
    """

    low: Values
    high: Values
    fraction: Values

    @classmethod
    def of(cls, values: Values) -> Self:
        """Those of values (N, D)."""
        near = round_to_bfloat16(values)
        exact = near.astype(np.float64)
        above = values > exact
        other = _numbers(keys(near) + np.where(above, 1, -1))
        low, high = np.where(above, exact, other), np.where(above, other, exact)
        return cls(low, high, (values - low) / (high - low))


def _numbers(places: NDArray[np.int32]) -> Values:
    """The bfloat16 numbers at integer coordinates of the lattice: the inverse of `keys`."""
    magnitude = np.abs(places).astype(np.uint16)
    patterns = np.where(places < 0, magnitude | np.uint16(0x8000), magnitude)
    return from_bits(patterns.astype(np.uint16)).astype(np.float64)
