"""The tree: particles sorted into leaves of equal numbers, and the moments of every cell.

A cell is a range of leaves. It is split at the middle of the longest side of its box, rounded to whole leaves: all
leaves are full but the last, and cells are as compact as those of an octree. (Split at the median, cells of a
concentrated gas reach from its core to its edge, and five times as many pairs are near.) Each part gets at least a
sixteenth of the leaves, which bounds the depth whatever the density; coincident particles need no special case. Cells
are numbered in preorder: the first child of cell c, with m leaves, is c + 1, the second c + 2 m.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL, IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.neighbours.blocks import halve

Array = NDArray[np.float64]

LEAF = 8
"""Particles of a leaf."""
MOMENTS = 14
"""Numbers kept of a cell: centre (3), radius, charge q, dipole p (3), and the quadrupole Q: xx, yy, zz, xy, xz, yz."""
RADIUS, CHARGE, DIPOLE, QUADRUPOLE = 3, 4, 5, 8
STACK = 512
"""Cells that wait while a tree is walked: more than its depth, at most log(leaves) / log(16/15)."""


class Tree(NamedTuple):
    """Particles in the order of the leaves, and the moments of cells.

    With y the distance of a particle from the centre of its cell, which is that of the absolute strengths |w|, the
    moments are q = sum w, p = sum w y, Q = sum w y y; the radius is the largest |y|, and -1
    in a cell without sources.

    Attributes:
        order: (N,) row of the gas of each particle.
        places: (3, leaves LEAF) positions; the last particle is repeated.
        weights: (leaves LEAF,) strengths of the sources, zero for passive particles.
        ranges: (2 leaves - 1, 3) first leaf, number of leaves, and leaves of the first child of each cell, in preorder.
        cells: (2 leaves - 1, MOMENTS) their moments.
    """

    order: NDArray[np.int64]
    places: Array
    weights: Array
    ranges: NDArray[np.int64]
    cells: Array

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return len(self.weights) // LEAF


def build(places: Array, weights: Array) -> Tree:
    """The tree of N >= 1 particles: a function of their positions and strengths only.

    Args:
        places: (N, D) finite positions, D <= 3.
        weights: (N,) strengths of the sources, zero for passive particles.
    """
    count, dimensions = places.shape
    leaves = -(-count // LEAF)
    rows, ranges = np.arange(count), np.zeros((2 * leaves - 1, 3), np.int64)
    ranges[0, 1] = leaves
    level = np.zeros(1, np.int64)
    while len(level):
        level = level[ranges[level, 1] > 1]
        _split(places, rows, level, ranges)
        level = np.concatenate([level + 1, level + 2 * ranges[level, 2]])
    padded = np.concatenate([rows, np.full(leaves * LEAF - count, rows[-1])])
    sorted_places, sorted_weights = np.zeros((3, len(padded))), weights[padded]
    sorted_places[:dimensions] = places[padded].T
    sorted_weights[count:] = 0.0
    cells = np.zeros((2 * leaves - 1, MOMENTS))
    _moments(sorted_places, sorted_weights, ranges, cells)
    _radii(sorted_places, sorted_weights, ranges, cells)
    return Tree(rows, sorted_places, sorted_weights, ranges, cells)


@jit(**EXACT_PARALLEL)
def _split(places, rows, level, ranges):  # type: ignore[no-untyped-def]
    """Splits cells, given by number: orders their rows so that their children are ranges, and writes these."""
    for c in prange(level.size):
        first, leaves = ranges[level[c], 0], ranges[level[c], 1]
        start, stop = first * LEAF, min((first + leaves) * LEAF, rows.size)
        axis, middle = _longest(places, rows, start, stop)
        below = 0
        for i in range(start, stop):
            below += places[rows[i], axis] < middle
        least = (leaves + 15) // 16
        half = min(max((below + LEAF // 2) // LEAF, least), leaves - least)
        halve(places, rows, start, start + half * LEAF, stop, axis)
        one, two = level[c] + 1, level[c] + 2 * half
        ranges[level[c], 2] = half
        ranges[one, 0], ranges[one, 1] = first, half
        ranges[two, 0], ranges[two, 1] = first + half, leaves - half


@jit(**IN_PLACE)
def _longest(places, rows, start, stop):  # type: ignore[no-untyped-def]
    """Axis and middle of the longest side of the box around places[rows[start:stop]]."""
    axis, middle, longest = 0, 0.0, -1.0
    for k in range(places.shape[1]):
        low = high = places[rows[start], k]
        for i in range(start, stop):
            low, high = min(low, places[rows[i], k]), max(high, places[rows[i], k])
        if high - low > longest:
            axis, middle, longest = k, 0.5 * low + 0.5 * high, high - low
    return axis, middle


@jit(**EXACT)
def _moments(places, weights, ranges, cells):  # type: ignore[no-untyped-def]
    """Moments of all cells: of leaves from their particles, of other cells from their children, which come later."""
    absolute = np.zeros(cells.shape[0])
    for cell in range(cells.shape[0] - 1, -1, -1):
        if ranges[cell, 1] == 1:
            absolute[cell] = _of_leaf(places, weights, ranges[cell, 0] * LEAF, cells[cell])
        else:
            one, two = cell + 1, cell + 2 * ranges[cell, 2]
            absolute[cell] = absolute[one] + absolute[two]
            _of_children(absolute[one], absolute[two], cells[one], cells[two], cells[cell])


@jit(**IN_PLACE)
def _of_leaf(places, weights, start, cell):  # type: ignore[no-untyped-def]
    """Writes the moments of a leaf; returns its sum of |w|."""
    total = 0.0
    for i in range(start, start + LEAF):
        total += abs(weights[i])
    if total == 0.0:
        cell[RADIUS] = -1.0
        return total
    for i in range(start, start + LEAF):
        for k in range(3):
            cell[k] += abs(weights[i]) / total * places[k, i]
    for i in range(start, start + LEAF):
        if weights[i] != 0.0:
            y0, y1, y2 = places[0, i] - cell[0], places[1, i] - cell[1], places[2, i] - cell[2]
            _add_point(weights[i], y0, y1, y2, cell)
    return total


@jit(**IN_PLACE)
def _of_children(first, second, one, two, cell):  # type: ignore[no-untyped-def]
    """Writes the moments of a cell from those of its children, whose sums of |w| are `first` and `second`."""
    if first + second == 0.0:
        cell[RADIUS] = -1.0
        return
    share = second / (first + second)
    for k in range(3):
        if first == 0.0:
            cell[k] = two[k]
        elif second == 0.0:
            cell[k] = one[k]
        else:
            cell[k] = one[k] + share * (two[k] - one[k])
    for absolute, child in ((first, one), (second, two)):
        if absolute > 0.0:
            s0, s1, s2 = child[0] - cell[0], child[1] - cell[1], child[2] - cell[2]
            p0, p1, p2 = child[DIPOLE], child[DIPOLE + 1], child[DIPOLE + 2]
            _add_point(child[CHARGE], s0, s1, s2, cell)
            for k in range(9):
                cell[DIPOLE + k] += child[DIPOLE + k]
            cell[QUADRUPOLE] += 2.0 * p0 * s0
            cell[QUADRUPOLE + 1] += 2.0 * p1 * s1
            cell[QUADRUPOLE + 2] += 2.0 * p2 * s2
            cell[QUADRUPOLE + 3] += p0 * s1 + p1 * s0
            cell[QUADRUPOLE + 4] += p0 * s2 + p2 * s0
            cell[QUADRUPOLE + 5] += p1 * s2 + p2 * s1


@jit(**EXACT_PARALLEL)
def _radii(places, weights, ranges, cells):  # type: ignore[no-untyped-def]
    """Writes the largest distance of a source from the centre of each cell that has any."""
    for c in prange(cells.shape[0]):
        if cells[c, RADIUS] == 0.0:
            first, leaves = ranges[c, 0], ranges[c, 1]
            farthest = 0.0
            for i in range(first * LEAF, (first + leaves) * LEAF):
                y0, y1, y2 = places[0, i] - cells[c, 0], places[1, i] - cells[c, 1], places[2, i] - cells[c, 2]
                squared = y0 * y0 + y1 * y1 + y2 * y2
                if weights[i] != 0.0 and squared > farthest:
                    farthest = squared
            cells[c, RADIUS] = np.sqrt(farthest)


@jit(**IN_PLACE)
def _add_point(w, y0, y1, y2, cell):  # type: ignore[no-untyped-def]
    """Adds the moments of one strength at a distance from the centre."""
    cell[CHARGE] += w
    cell[DIPOLE] += w * y0
    cell[DIPOLE + 1] += w * y1
    cell[DIPOLE + 2] += w * y2
    cell[QUADRUPOLE] += w * y0 * y0
    cell[QUADRUPOLE + 1] += w * y1 * y1
    cell[QUADRUPOLE + 2] += w * y2 * y2
    cell[QUADRUPOLE + 3] += w * y0 * y1
    cell[QUADRUPOLE + 4] += w * y0 * y2
    cell[QUADRUPOLE + 5] += w * y1 * y2
