"""The nearest source of each particle, by a loop over all pairs."""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.forces.base import Array
from gasfield.forces.pair_list import BLOCK, PairList, square_distances
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit


def nearest_sources(gas: Gas, periods: Array) -> tuple[Array, NDArray[np.int64]]:
    """Distance (N,) of each particle to the nearest other one that exerts forces [length], and the index (N,) of that
    one; infinite and -1 where there is none.

    Args:
        gas: N particles.
        periods: (D,) sides of a periodic box, 0 along coordinates that are not periodic; distances are to the nearest
            image.
    """
    squares, partners = np.full(gas.count, np.inf), np.full(gas.count, -1)
    _search(*PairList.of(gas, periods), squares, partners)
    return np.sqrt(squares), partners


@jit(**EXACT_PARALLEL)
def _search(places, others, rows, sides, squares, partners):  # type: ignore[no-untyped-def]
    """The least r^2 (N,) and the row (N,) where it is reached, the first of several."""
    for i in prange(places.shape[0]):
        squared = np.empty(BLOCK)
        for start in range(0, rows.size, BLOCK):
            stop = min(start + BLOCK, rows.size)
            if square_distances(places[i], others, start, stop, sides, squares[i], squared) == 0:
                continue
            for b in range(stop - start):
                if squared[b] < squares[i] and rows[start + b] != i:
                    squares[i], partners[i] = squared[b], rows[start + b]
