"""Histograms of distances between particles.

Counts are integers, whose sum does not depend on the order in which threads add them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit

_SLICES = 64
_INSIDE: dict[str, Any] = EXACT | {"forceinline": True}


def count_pairs(
    positions: NDArray[np.float64], periods: NDArray[np.float64], reach: float, bins: int
) -> NDArray[np.int64]:
    """Pairs of particles by distance, in all frames together.

    Args:
        positions: (T, N, D), wrapped or not.
        periods: (D,) sides of the periodic box, 0 along other coordinates; distances are to nearest images.
        reach: largest distance that is counted [length].
        bins: number of bins of equal width.

    Returns:
        (bins,) number of pairs in each bin, every pair of a frame once.
    """
    return count_cross_pairs(positions, positions, periods, reach, bins)


def count_cross_pairs(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    periods: NDArray[np.float64],
    reach: float,
    bins: int,
) -> NDArray[np.int64]:
    """Pairs (i, j), i < j, of a particle i in a frame of `first` and a particle j in that of `second`; arrays
    (T, N, D), otherwise as `count_pairs`. If the two are from uncorrelated times, these are pairs without interaction.
    """
    sides = np.where(periods > 0, periods, np.inf)
    wrapped = [np.ascontiguousarray(x - periods * np.floor(x / sides)) for x in (first, second)]
    return np.asarray(_histograms(wrapped[0], wrapped[1], sides, reach, bins).sum(axis=0))


@jit(**EXACT_PARALLEL)
def _histograms(first, second, sides, reach, bins):  # type: ignore[no-untyped-def]
    """(slices, bins) from positions in [0, side): every 64th row belongs to a slice, which balances the work."""
    frames, count, _ = first.shape
    counts = np.zeros((_SLICES, bins), np.int64)
    for piece in prange(_SLICES):
        for row in range(piece, frames * count, _SLICES):
            frame, i = row // count, row % count
            for j in range(i + 1, count):
                squared = _squared_distance(first[frame, i], second[frame, j], sides, reach * reach)
                if squared < reach * reach:  # false for NaN
                    place = int(np.sqrt(squared) * (bins / reach))
                    counts[piece, min(place, bins - 1)] += 1
    return counts


@jit(**_INSIDE)
def _squared_distance(first, second, sides, limit):  # type: ignore[no-untyped-def]
    """To the nearest image (sides are infinite along coordinates that are not periodic), or any value beyond the limit:
    in many dimensions a few coordinates suffice to exceed it."""
    squared = 0.0
    for k in range(sides.size):
        apart = abs(first[k] - second[k])
        apart = min(apart, sides[k] - apart)
        squared += apart * apart
        if squared >= limit:
            break
    return squared
