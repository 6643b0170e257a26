"""Sums over all pairs in any number of dimensions.

As in `flat`, targets are lanes. A block of sources passes one coordinate at a time: squared distances, then the law,
then the force, so that everything but the coordinates stays in the L1 cache.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from gasfield.forces.direct.pair import apart, continued
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL, IN_PLACE
from gasfield.kernels.jit import jit

LANES = 64
"""Targets of a tile."""
BLOCK = 32
"""Sources of a block, a multiple of `STRIDE`."""
STRIDE = 4
"""Sources, or coordinates, that a loop over lanes takes at once: its sums stay in registers between them."""


@jit(**EXACT_PARALLEL)
def push_plain(law, p, targets, sources, rows, sides, halves, own, theirs, reach2, core2, force):  # type: ignore[no-untyped-def]
    """force_i += sum_j -2 w_i w_j U'(r_ij^2) (x_i - x_j); targets (D, N), sources (D, M), own (N,) is -2 w_i."""
    dimensions, count, number = targets.shape[0], force.shape[0], targets.dtype.type
    for tile in prange((count + LANES - 1) // LANES):
        first = tile * LANES
        here = tile_of(targets, first)
        part, total = np.zeros((dimensions, LANES), targets.dtype), np.zeros((dimensions, LANES))
        squares = np.empty((BLOCK, LANES), targets.dtype)
        for start in range(0, rows.size, BLOCK):
            stop = min(start + BLOCK, rows.size)
            _square_distances(here, sources, start, stop, sides, halves, squares)
            for b in range(stop - start):
                squared, strength = squares[b], theirs[start + b]
                for v in range(LANES):
                    u = squared[v]
                    slope = continued(law, u, p, core2, number(0.5))[1]
                    squared[v] = strength * slope if u < reach2 else number(0.0)
                lane = rows[start + b] - first
                if 0 <= lane < LANES:
                    squared[lane] = number(0.0)
            squares[stop - start :] = number(0.0)
            for k in range(dimensions):
                _add_along(here[k], sources[k], start, stop, _of(sides, k), _of(halves, k), squares, part[k])
            if targets.itemsize == 4:
                total += part
                part[:] = number(0.0)
        total += part
        for i in range(first, min(first + LANES, count)):
            for k in range(dimensions):
                force[i, k] += own[i] * total[k, i - first]


@jit(**EXACT_PARALLEL)
def sum_plain(law, p, targets, sources, rows, sides, halves, own, theirs, reach2, core2, shift, dimensions, sums):  # type: ignore[no-untyped-def]
    """sums_i += (U - shift, Laplacian of U, r . F) over the pairs of particle i; own (N,) is w_i."""
    count, number = sums.shape[0], targets.dtype.type
    for tile in prange((count + LANES - 1) // LANES):
        first = tile * LANES
        here = tile_of(targets, first)
        part, total = np.zeros((3, LANES), targets.dtype), np.zeros((3, LANES))
        f0, f1, f2 = part[0], part[1], part[2]
        squares = np.empty((BLOCK, LANES), targets.dtype)
        for start in range(0, rows.size, BLOCK):
            stop = min(start + BLOCK, rows.size)
            _square_distances(here, sources, start, stop, sides, halves, squares)
            for b in range(stop - start):
                squared, strength = squares[b], theirs[start + b]
                lane = rows[start + b] - first
                if 0 <= lane < LANES:
                    squared[lane] = np.inf
                for v in range(LANES):
                    u = squared[v]
                    energy, slope, bend = continued(law, u, p, core2, number(0.5))
                    f0[v] += strength * (energy - shift) if u < reach2 else number(0.0)
                    f1[v] += strength * (number(4.0) * u * bend + dimensions * slope) if u < reach2 else number(0.0)
                    f2[v] += strength * (u * slope) if u < reach2 else number(0.0)
            if targets.itemsize == 4:
                total += part
                part[:] = number(0.0)
        total += part
        for i in range(first, min(first + LANES, count)):
            sums[i, 0] += own[i] * total[0, i - first]
            sums[i, 1] += own[i] * total[1, i - first]
            sums[i, 2] += -2.0 * own[i] * total[2, i - first]


@jit(**EXACT)
def tile_of(targets, first):  # type: ignore[no-untyped-def]
    """Coordinates (D, LANES) of a tile; the last target fills the lanes beyond the end."""
    here = np.empty((targets.shape[0], LANES), targets.dtype)
    for k in range(targets.shape[0]):
        for v in range(LANES):
            here[k, v] = targets[k, min(first + v, targets.shape[1] - 1)]
    return here


@jit(**IN_PLACE)
def _square_distances(here, sources, start, stop, sides, halves, squares):  # type: ignore[no-untyped-def]
    """Writes ((d_0^2 + d_1^2) + ...) of each source of a block and each lane."""
    squares[: stop - start] = here.dtype.type(0.0)
    whole = here.shape[0] - here.shape[0] % STRIDE
    for k in range(0, whole, STRIDE):
        x0, x1, x2, x3 = here[k], here[k + 1], here[k + 2], here[k + 3]
        for b in range(stop - start):
            j, squared = start + b, squares[b]
            y0, y1, y2, y3 = sources[k, j], sources[k + 1, j], sources[k + 2, j], sources[k + 3, j]
            for v in range(LANES):
                d0 = apart(x0[v], y0, _of(sides, k), _of(halves, k))
                d1 = apart(x1[v], y1, _of(sides, k + 1), _of(halves, k + 1))
                d2 = apart(x2[v], y2, _of(sides, k + 2), _of(halves, k + 2))
                d3 = apart(x3[v], y3, _of(sides, k + 3), _of(halves, k + 3))
                squared[v] = (((squared[v] + d0 * d0) + d1 * d1) + d2 * d2) + d3 * d3
    for k in range(whole, here.shape[0]):
        x, side, half = here[k], _of(sides, k), _of(halves, k)
        for b in range(stop - start):
            y, squared = sources[k, start + b], squares[b]
            for v in range(LANES):
                distance = apart(x[v], y, side, half)
                squared[v] += distance * distance


@jit(**IN_PLACE)
def _add_along(x, sources, start, stop, side, half, factors, f):  # type: ignore[no-untyped-def]
    """f += factor (x - y) along one coordinate, in the order of the sources; factors beyond the last one are zero."""
    for b in range(0, stop - start, STRIDE):
        c0, c1, c2, c3 = factors[b], factors[b + 1], factors[b + 2], factors[b + 3]
        y0, y1 = sources[start + b], sources[min(start + b + 1, stop - 1)]
        y2, y3 = sources[min(start + b + 2, stop - 1)], sources[min(start + b + 3, stop - 1)]
        for v in range(LANES):
            first = (f[v] + c0[v] * apart(x[v], y0, side, half)) + c1[v] * apart(x[v], y1, side, half)
            f[v] = (first + c2[v] * apart(x[v], y2, side, half)) + c3[v] * apart(x[v], y3, side, half)


@jit(**IN_PLACE, forceinline=True)
def _of(values, k):  # type: ignore[no-untyped-def]
    """values[k], or None if there are none."""
    if values is None:
        return None
    return values[k]
