"""D2min of Falk and Langer: the non-affine part of the motion of a particle's neighbours.

For particle i with n neighbours j, b_ij = a_j - a_i in the frame of the reference (k numbers) and d_ij = y_j - y_i
later (D numbers), least squares gives the local map F_i that minimises D2_i = sum_j |d_ij - F_i b_ij|^2 (Phys. Rev. E
57:7192, 1998, eq. 2.11). Independent noise of variance s^2 on every coordinate of the neighbours, and none on the
particle itself, gives E[D2_i] = s^2 D (n - k). D2_i is undefined with n <= k neighbours (the fit is exact) and where
the neighbours do not span the frame (the map is not unique).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.statistics.local_maps import Around, shell

Values = NDArray[np.float64]

_SINGULAR = 1e-9
"""Ratio of smallest to largest eigenvalue of the neighbours' Gram matrix below which they do not span the frame."""


def neighbourhoods(bonds: NDArray[np.int64], count: int) -> Around:
    """The particles within two bonds of each of `count` particles, in ascending order (first and second shell)."""
    return shell(bonds, count, 2)


def local_d2min(coordinates: Values, later: Values, around: Around) -> tuple[Values, NDArray[np.int64]]:
    """Sums D2_i over the neighbours of each particle (M,) [length^2], NaN where undefined; and n (M,).

    Args:
        coordinates: (M, k) in the reference.
        later: (M, D) positions.
        around: neighbours of each particle.
    """
    sums = np.full(len(coordinates), np.nan)
    counts = np.array([len(row) for row in around], np.int64)
    k = coordinates.shape[1]
    for i in np.flatnonzero(counts > k):
        before, after = coordinates[around[i]] - coordinates[i], later[around[i]] - later[i]
        gram = before.T @ before
        spread = np.linalg.eigvalsh(gram)
        if k and spread[0] > _SINGULAR * spread[-1]:
            local = np.linalg.solve(gram, before.T @ after)
            sums[i] = np.square(after - before @ local).sum()
    return sums, counts


def later_squares(later: Values, around: Around) -> Values:
    """sum_j |d_ij|^2 (M,) over the neighbours of each particle at later positions (M, D) [length^2]: D2_i is the part
    of it that the local map leaves over."""
    return np.array([np.square(later[near] - later[i]).sum() for i, near in enumerate(around)], np.float64)
