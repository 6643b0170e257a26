"""Pair distances, for the kernels of pair forces.

The loops run over all pairs in a fixed order, so that sums do not depend on the number of threads; distances are
computed for a block of particles at once, in loops that vectorise. A periodic space uses the nearest image: for
two positions in [0, L), the particle itself or its image one period away.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.base import Array
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.neighbours.lattice import Lattice

BLOCK = 128
"""Number of distances computed at once: they and their coordinates fit the L1 cache."""


class PairList(NamedTuple):
    """The pairs of target and source particles, in the arrays that kernels take.

    Attributes:
        places: (N, D) positions, within [0, L) along coordinates of period L.
        others: (D, M) positions of the sources.
        rows: (M,) indices of the sources.
        sides: (D,) periods; infinite along coordinates that are not periodic.
    """

    places: Array
    others: Array
    rows: NDArray[np.int64]
    sides: Array

    @classmethod
    def of(cls, gas: Gas, periods: Array, dtype: Any = np.float64) -> PairList:
        """All particles of a gas, with places of a type, float64 or float32; periods (D,) are 0 along coordinates that
        are not periodic."""
        lattice = Lattice.of(periods, dtype)
        sides = np.where(periods > 0.0, lattice.sides, np.inf)
        places: Array = np.ascontiguousarray(gas.positions, np.float64)
        if periods.any():
            with np.errstate(invalid="ignore"):  # a NaN has no neighbours; the run detects it
                places = lattice.rounded(places)
                places = places - lattice.sides * np.floor(places / sides)
        places = places.astype(dtype, copy=False)
        rows = np.flatnonzero(gas.is_source)
        return cls(places, np.ascontiguousarray(places[rows].T), rows, sides)


@jit(**EXACT)
def square_distances(place, others, start, stop, sides, limit, squared):  # type: ignore[no-untyped-def]
    """Writes r^2 from one position to others[:, start:stop] into `squared`; returns how many are below the limit."""
    squared[: stop - start] = 0.0
    for k in range(place.size):
        here, there, side = place[k], others[k, start:stop], sides[k]
        for b in range(there.size):
            apart = abs(here - there[b])
            apart = min(apart, side - apart)
            squared[b] += apart * apart
    near = 0
    for b in range(stop - start):
        near += squared[b] < limit
    return near


@jit(**EXACT)
def nearest(first, second, side):  # type: ignore[no-untyped-def]
    """first - second along one coordinate, to the nearest image."""
    apart = first - second
    if apart > 0.5 * side:
        return apart - side
    if apart < -0.5 * side:
        return apart + side
    return apart
