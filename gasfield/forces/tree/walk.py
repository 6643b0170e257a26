"""Forces, energies and Laplacians from a tree.

Particles that are next to each other go down the tree in groups: a cell of radius R at a distance d from the box
around a group acts by its moments if R < theta d, a leaf that is nearer acts particle by particle. The particles of a
group are the lanes of vector loops.

With d the vector from a cell to a particle, u = d^2, and V(u) the energy of two strengths 1, the energy of a strength 1
in the field of a cell, to second order in its size, is

    q V + V' (tr Q - 2 p . d) + 2 V'' d . Q d

and its gradient and Laplacian are those of the same expansion. V = 1/sqrt(u + s^2) is not harmonic, hence the trace.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from gasfield.forces.tree.build import CHARGE, DIPOLE, LEAF, QUADRUPOLE, RADIUS, STACK
from gasfield.kernels.flags import EXACT_PARALLEL, IN_PLACE
from gasfield.kernels.jit import jit

GROUP = 32
"""Targets that go down the tree together."""

NO_CHECKS = IN_PLACE | {"error_model": "numpy"}
"""A check for a division by zero would keep a loop from being vectorised."""


@jit(**EXACT_PARALLEL)
def pull(targets, places, weights, ranges, cells, softening2, theta, order, field, visits):  # type: ignore[no-untyped-def]
    """Writes the field -grad(sum) (3, .) of 1/sqrt(r^2 + s^2) at targets (3, .), which go down the tree in
    groups of GROUP; `order` is that of the expansion, 2 or 0. visits[g] is the number of sources and cells that act on
    group g."""
    for g in prange(visits.size):
        start = g * GROUP
        x, f = targets[:, start : start + GROUP].copy(), np.zeros((3, GROUP))
        stack, low, high = np.zeros(STACK, np.int64), np.zeros(3), np.zeros(3)
        _box(x, low, high)
        top = 1
        while top:
            top -= 1
            cell = stack[top]
            first, leaves, half = ranges[cell]
            verdict = _acts(cells[cell], low, high, theta, leaves)
            if verdict == 1:
                _from_cell(x[0], x[1], x[2], cells[cell], softening2, order, f[0], f[1], f[2])
                visits[g] += 1
            elif verdict == 2:
                _from_leaf(x[0], x[1], x[2], places, weights, first * LEAF, softening2, f[0], f[1], f[2])
                visits[g] += LEAF
            elif verdict == 3:
                stack[top], stack[top + 1] = cell + 2 * half, cell + 1
                top += 2
        for k in range(3):
            for v in range(GROUP):
                field[k, start + v] = f[k, v]


@jit(**EXACT_PARALLEL)
def potentials(targets, places, weights, ranges, cells, softening2, theta, dimensions, potential, laplacian):  # type: ignore[no-untyped-def]
    """Writes the sum of 1/sqrt(r^2 + s^2) and its Laplacian (.,) at targets (3, .), which begin with all particles in
    their order, each without its own term."""
    for g in prange(potential.size // GROUP):
        start = g * GROUP
        x, f = targets[:, start : start + GROUP].copy(), np.zeros((2, GROUP))
        stack, low, high = np.zeros(STACK, np.int64), np.zeros(3), np.zeros(3)
        _box(x, low, high)
        top = 1
        while top:
            top -= 1
            cell = stack[top]
            first, leaves, half = ranges[cell]
            verdict = _acts(cells[cell], low, high, theta, leaves)
            if verdict == 1:
                _numbers_from_cell(x[0], x[1], x[2], cells[cell], softening2, dimensions, f[0], f[1])
            elif verdict == 2:
                _numbers_from_leaf(
                    x[0], x[1], x[2], places, weights, first * LEAF, start, softening2, dimensions, f[0], f[1]
                )
            elif verdict == 3:
                stack[top], stack[top + 1] = cell + 2 * half, cell + 1
                top += 2
        for v in range(GROUP):
            potential[start + v], laplacian[start + v] = f[0, v], f[1, v]


@jit(**IN_PLACE)
def _box(x, low, high):  # type: ignore[no-untyped-def]
    """The box around the particles x (3, GROUP)."""
    for k in range(3):
        low[k] = high[k] = x[k, 0]
        for v in range(GROUP):
            low[k], high[k] = min(low[k], x[k, v]), max(high[k], x[k, v])


@jit(**IN_PLACE)
def _acts(cell, low, high, theta, leaves):  # type: ignore[no-untyped-def]
    """0: a cell without sources; 1: it acts by its moments; 2: it is a leaf that is near; 3: it is opened."""
    if cell[RADIUS] < 0.0:
        return 0
    squared = 0.0
    for k in range(3):
        gap = max(max(low[k] - cell[k], cell[k] - high[k]), 0.0)
        squared += gap * gap
    if cell[RADIUS] * cell[RADIUS] < theta * theta * squared:
        return 1
    return 2 if leaves == 1 else 3


@jit(**NO_CHECKS)
def _from_leaf(x0, x1, x2, places, weights, start, softening2, f0, f1, f2):  # type: ignore[no-untyped-def]
    """Adds the field of the particles of a leaf; that of a particle at its own place is zero."""
    for j in range(start, start + LEAF):
        y0, y1, y2, w = places[0, j], places[1, j], places[2, j], weights[j]
        if w != 0.0:
            for v in range(GROUP):
                d0, d1, d2 = x0[v] - y0, x1[v] - y1, x2[v] - y2
                near = 1.0 / np.sqrt(d0 * d0 + d1 * d1 + d2 * d2 + softening2)
                factor = w * (near * near * near)
                f0[v] += factor * d0
                f1[v] += factor * d1
                f2[v] += factor * d2


@jit(**NO_CHECKS)
def _from_cell(x0, x1, x2, cell, softening2, order, f0, f1, f2):  # type: ignore[no-untyped-def]
    """Adds the field of the moments of a cell."""
    c0, c1, c2, q = cell[0], cell[1], cell[2], cell[CHARGE]
    if order == 0:
        for v in range(GROUP):
            d0, d1, d2 = x0[v] - c0, x1[v] - c1, x2[v] - c2
            near = 1.0 / np.sqrt(d0 * d0 + d1 * d1 + d2 * d2 + softening2)
            factor = q * (near * near * near)
            f0[v] += factor * d0
            f1[v] += factor * d1
            f2[v] += factor * d2
        return
    p0, p1, p2 = cell[DIPOLE], cell[DIPOLE + 1], cell[DIPOLE + 2]
    xx, yy, zz = 3.0 * cell[QUADRUPOLE], 3.0 * cell[QUADRUPOLE + 1], 3.0 * cell[QUADRUPOLE + 2]
    xy, xz, yz = 3.0 * cell[QUADRUPOLE + 3], 3.0 * cell[QUADRUPOLE + 4], 3.0 * cell[QUADRUPOLE + 5]
    half_trace = 0.5 * (xx + yy + zz)
    for v in range(GROUP):
        d0, d1, d2 = x0[v] - c0, x1[v] - c1, x2[v] - c2
        near = 1.0 / np.sqrt(d0 * d0 + d1 * d1 + d2 * d2 + softening2)
        squared = near * near
        cube = near * squared
        fifth = cube * squared
        v0, v1, v2 = xx * d0 + xy * d1 + xz * d2, xy * d0 + yy * d1 + yz * d2, xz * d0 + yz * d1 + zz * d2
        along = d0 * v0 + d1 * v1 + d2 * v2
        dipole = 3.0 * (p0 * d0 + p1 * d1 + p2 * d2)
        factor = q * cube + fifth * ((dipole - half_trace) + 2.5 * squared * along)
        f0[v] += factor * d0 - cube * p0 - fifth * v0
        f1[v] += factor * d1 - cube * p1 - fifth * v1
        f2[v] += factor * d2 - cube * p2 - fifth * v2


@jit(**NO_CHECKS)
def _numbers_from_leaf(x0, x1, x2, places, weights, begin, start, softening2, size, f0, f1):  # type: ignore[no-untyped-def]
    """Adds potential and Laplacian of the particles of a leaf that begins at row `begin`, without own terms to
    those of a group that begins at row `start`; `size` is D."""
    for j in range(begin, begin + LEAF):
        y0, y1, y2, w = places[0, j], places[1, j], places[2, j], weights[j]
        if w != 0.0:
            b = j - start if start <= j < start + GROUP else 0
            kept0, kept1 = f0[b], f1[b]
            for v in range(GROUP):
                d0, d1, d2 = x0[v] - y0, x1[v] - y1, x2[v] - y2
                u = d0 * d0 + d1 * d1 + d2 * d2
                near = 1.0 / np.sqrt(u + softening2)
                squared = near * near
                f0[v] += w * near
                f1[v] += w * (near * squared) * (3.0 * u * squared - size)
            if start + b == j:
                f0[b], f1[b] = kept0, kept1


@jit(**NO_CHECKS)
def _numbers_from_cell(x0, x1, x2, cell, softening2, dimensions, f0, f1):  # type: ignore[no-untyped-def]
    """Adds potential and Laplacian of the moments of a cell: of L = 4 u V'' + 2 D V', in place of V, for the latter."""
    c0, c1, c2, q = cell[0], cell[1], cell[2], cell[CHARGE]
    p0, p1, p2 = 2.0 * cell[DIPOLE], 2.0 * cell[DIPOLE + 1], 2.0 * cell[DIPOLE + 2]
    xx, yy, zz = cell[QUADRUPOLE], cell[QUADRUPOLE + 1], cell[QUADRUPOLE + 2]
    xy, xz, yz = 2.0 * cell[QUADRUPOLE + 3], 2.0 * cell[QUADRUPOLE + 4], 2.0 * cell[QUADRUPOLE + 5]
    trace = xx + yy + zz
    for v in range(GROUP):
        d0, d1, d2 = x0[v] - c0, x1[v] - c1, x2[v] - c2
        u = d0 * d0 + d1 * d1 + d2 * d2
        energy = 1.0 / np.sqrt(u + softening2)
        squared = energy * energy
        slope = -0.5 * energy * squared
        bend = -1.5 * slope * squared
        third = -2.5 * bend * squared
        fourth = -3.5 * third * squared
        linear = trace - (p0 * d0 + p1 * d1 + p2 * d2)
        along = 2.0 * (d0 * (xx * d0 + xy * d1 + xz * d2) + d1 * (yy * d1 + yz * d2) + zz * d2 * d2)
        f0[v] += q * energy + linear * slope + along * bend
        f1[v] += (
            q * (4.0 * u * bend + 2.0 * dimensions * slope)
            + linear * (4.0 * u * third + (4.0 + 2.0 * dimensions) * bend)
            + along * (4.0 * u * fourth + (8.0 + 2.0 * dimensions) * third)
        )
