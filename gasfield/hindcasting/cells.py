"""Which unrounded numbers are stored as a given one: the interval of each number of a floating-point lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.lattices import FORMATS, lattice_keys, lattice_numbers, round_to

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
    def of(cls, stored: NDArray[np.float32], precision: str, updates: int, *, at_random: bool = False) -> Self:
        """Those of stored numbers (N, D).

        In a format of 16 or 8 bits: what is rounded to the nearest gives this number, half a cell to either side; the
        largest number of a format without infinity also stands for all beyond. In float32: one unit in the last place
        for each of some updates, the standard to which the law is that of the reference.

        Args:
            stored: numbers of the lattice.
            precision: the lattice.
            updates: number of updates in which they came about.
            at_random: whether each update was rounded at random to either neighbour. Two paths of k updates are then
                less than k cells apart.
        """
        exact = stored.astype(np.float64)
        if precision == "float32":
            unit = updates * np.spacing(np.abs(stored)).astype(np.float64)
            return cls(exact - unit, exact + unit)
        place = lattice_keys(stored, precision)
        if at_random:
            return cls(lattice_numbers(place - updates, precision), lattice_numbers(place + updates, precision))
        low = 0.5 * (exact + lattice_numbers(place - 1, precision))
        high = 0.5 * (exact + lattice_numbers(place + 1, precision))
        form = FORMATS[precision]
        if form.beyond == form.largest:
            low[stored == -form.largest], high[stored == form.largest] = -np.inf, np.inf
        return cls(low, high)

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
    """The two numbers of a lattice around unrounded ones.

    Attributes:
        low, high: (N, D).
        fraction: (N, D) place of the unrounded number between them, 0 to 1.
    """

    low: Values
    high: Values
    fraction: Values

    @classmethod
    def of(cls, values: Values, precision: str) -> Self:
        """Those of values (N, D), on the lattice of a format."""
        near = round_to(values, precision)
        exact = near.astype(np.float64)
        above = values > exact
        other = lattice_numbers(lattice_keys(near, precision) + np.where(above, 1, -1), precision)
        low, high = np.where(above, exact, other), np.where(above, other, exact)
        return cls(low, high, (values - low) / (high - low))
