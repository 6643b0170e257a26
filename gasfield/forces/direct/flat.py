"""Sums over all pairs in one, two and three dimensions.

A tile of targets goes over all sources, one source at a time: its targets are the lanes of a vector loop, and each adds
up its pairs in the order of the sources, as a scalar loop would. Coordinates are separate rows of a (3, .) array, zero
along those that the space does not have, so that sums of squares are those of D terms. The pair of a particle with
itself is computed like any other, and what it added is taken back. A division and a square root bound the speed.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from gasfield.forces.direct.pair import apart, continued
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL, IN_PLACE
from gasfield.kernels.jit import jit

LANES = 64
"""Targets of a tile: coordinates and sums of the tile fit the L1 cache many times."""
BLOCK = 256
"""Sources over which a float32 sum runs before it is added to a float64 one."""


@jit(**EXACT_PARALLEL)
def push_flat(law, p, targets, sources, rows, sides, halves, own, theirs, reach2, core2, force):  # type: ignore[no-untyped-def]
    """force_i += sum_j -2 w_i w_j U'(r_ij^2) (x_i - x_j); targets (3, N), sources (3, M), own (N,) is -2 w_i."""
    number = targets.dtype.type
    for tile in prange((force.shape[0] + LANES - 1) // LANES):
        first = tile * LANES
        here = _lanes(targets, first)
        part, total = np.zeros((3, LANES), targets.dtype), np.zeros((3, LANES))
        x0, x1, x2, f0, f1, f2 = here[0], here[1], here[2], part[0], part[1], part[2]
        for j in range(rows.size):
            y0, y1, y2, strength = sources[0, j], sources[1, j], sources[2, j], theirs[j]
            lane = min(max(rows[j] - first, -1), LANES)  # of the source itself, one too low or too high if elsewhere
            itself = lane if 0 <= lane < LANES else 0
            kept0, kept1, kept2 = f0[itself], f1[itself], f2[itself]
            for v in range(LANES):
                d0 = _apart(x0[v], y0, sides, halves, 0)
                d1 = _apart(x1[v], y1, sides, halves, 1)
                d2 = _apart(x2[v], y2, sides, halves, 2)
                u = (d0 * d0 + d1 * d1) + d2 * d2
                slope = continued(law, u, p, core2, number(0.5))[1]
                factor = strength * slope if u < reach2 else number(0.0)
                f0[v] += factor * d0
                f1[v] += factor * d1
                f2[v] += factor * d2
            if itself == lane:
                f0[itself], f1[itself], f2[itself] = kept0, kept1, kept2
            if j % BLOCK == BLOCK - 1 and targets.itemsize == 4:
                total += part
                part[:] = number(0.0)
        total += part
        for i in range(first, min(first + LANES, force.shape[0])):
            for k in range(force.shape[1]):
                force[i, k] += own[i] * total[k, i - first]


@jit(**EXACT_PARALLEL)
def sum_flat(law, p, targets, sources, rows, sides, halves, own, theirs, reach2, core2, shift, dimensions, sums):  # type: ignore[no-untyped-def]
    """sums_i += (U - shift, Laplacian of U, r . F) over the pairs of particle i; own (N,) is w_i."""
    number = targets.dtype.type
    for tile in prange((sums.shape[0] + LANES - 1) // LANES):
        first = tile * LANES
        here = _lanes(targets, first)
        part, total = np.zeros((3, LANES), targets.dtype), np.zeros((3, LANES))
        x0, x1, x2, f0, f1, f2 = here[0], here[1], here[2], part[0], part[1], part[2]
        for j in range(rows.size):
            y0, y1, y2, strength = sources[0, j], sources[1, j], sources[2, j], theirs[j]
            lane = min(max(rows[j] - first, -1), LANES)
            itself = lane if 0 <= lane < LANES else 0
            kept0, kept1, kept2 = f0[itself], f1[itself], f2[itself]
            for v in range(LANES):
                d0 = _apart(x0[v], y0, sides, halves, 0)
                d1 = _apart(x1[v], y1, sides, halves, 1)
                d2 = _apart(x2[v], y2, sides, halves, 2)
                u = (d0 * d0 + d1 * d1) + d2 * d2
                energy, slope, bend = continued(law, u, p, core2, number(0.5))
                f0[v] += strength * (energy - shift) if u < reach2 else number(0.0)
                f1[v] += strength * (number(4.0) * u * bend + dimensions * slope) if u < reach2 else number(0.0)
                f2[v] += strength * (u * slope) if u < reach2 else number(0.0)
            if itself == lane:
                f0[itself], f1[itself], f2[itself] = kept0, kept1, kept2
            if j % BLOCK == BLOCK - 1 and targets.itemsize == 4:
                total += part
                part[:] = number(0.0)
        total += part
        for i in range(first, min(first + LANES, sums.shape[0])):
            sums[i, 0] += own[i] * total[0, i - first]
            sums[i, 1] += own[i] * total[1, i - first]
            sums[i, 2] += -2.0 * own[i] * total[2, i - first]


@jit(**IN_PLACE, forceinline=True)
def _apart(here, there, sides, halves, k):  # type: ignore[no-untyped-def]
    """The distance along coordinate k; `sides` is None without periods."""
    if sides is None:
        return apart(here, there, None, None)
    return apart(here, there, sides[k], halves[k])


@jit(**EXACT)
def _lanes(targets, first):  # type: ignore[no-untyped-def]
    """Coordinates (3, LANES) of a tile; the last target fills the lanes beyond the end."""
    here = np.empty((3, LANES), targets.dtype)
    for k in range(3):
        for v in range(LANES):
            here[k, v] = targets[k, min(first + v, targets.shape[1] - 1)]
    return here
