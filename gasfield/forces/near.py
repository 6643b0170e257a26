"""Who is near a particle: what kernels of forces between pairs have in common.

Every particle looks at every other one, so that its sum has one order whatever the number of threads; distances are
taken for a block of others at once, in loops that a processor does several numbers at a time. In a periodic space the
nearest image counts: for two places in [0, L) it is the other itself or the image one period away.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import jit
from numpy.typing import NDArray

from gasfield.forces.base import Array
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT

BLOCK = 128
"""How many distances are taken at once: they stay in the fastest cache, and so do the coordinates they come from."""


class Crowd(NamedTuple):
    """Who feels whom, as kernels want it.

    Attributes:
        places: (N, D) positions, within [0, L) along coordinates of period L.
        others: (D, M) the places of those that push.
        rows: (M,) which particles those are.
        sides: (D,) periods; infinite where space does not repeat itself.
    """

    places: Array
    others: Array
    rows: NDArray[np.int64]
    sides: Array

    @classmethod
    def of(cls, gas: Gas, periods: Array) -> Crowd:
        """All particles of a gas; periods (D,) are 0 where space does not repeat itself."""
        sides = np.where(periods > 0.0, periods, np.inf)
        places: Array = np.ascontiguousarray(gas.positions, np.float64)
        if periods.any():
            with np.errstate(invalid="ignore"):  # a place that is no number is near nobody; the run sees it
                places = places - periods * np.floor(places / sides)
        rows = np.flatnonzero(gas.pushes)
        return cls(places, np.ascontiguousarray(places[rows].T), rows, sides)


@jit(**EXACT)
def square_distances(place, others, start, stop, sides, limit, squared):  # type: ignore[no-untyped-def]
    """Writes r^2 from one place to others[:, start:stop] into `squared`; returns how many are below the limit."""
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
