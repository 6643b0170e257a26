"""The near part of a neighbour list: of all that is listed, what can come within reach during the next few steps.

A list is made for as long as possible, hence far beyond the reach; pruned now and then, it is short as well (rolling
pruning: Pall and Hess, 2013, "A flexible algorithm for calculating pair interactions on SIMD architectures"). Pruning
keeps the order.
"""

from __future__ import annotations

import numpy as np

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import any_lane, item, lane_count, lane_numbers, load, select, splat
from gasfield.neighbours.search import CLUSTER


@jit(**IN_PLACE, forceinline=True)
def _prune_block(coordinates, own, slots, base, all_rows, begin, end, reach2, core2, rows, at):  # type: ignore[no-untyped-def]
    """Copies those of all_rows[begin:end] that are within a distance of any particle of the block to rows, from `at`
    on.

    Returns:
        The place after the last, and whether another particle is within `core2` of one of the block.
    """
    dimensions = own.size // slots
    width, last = dimensions + 1, (dimensions - 1) * slots
    x, y, z = load(own, base), load(own, min(slots, last) + base), load(own, last + base)  # of three, or fewer
    least = splat(own, np.inf)
    for n in range(begin, end):
        row = item(all_rows, n)
        if dimensions == 3:
            dx, dy, dz = (
                x - item(coordinates, 4 * row), y - item(coordinates, 4 * row + 1), z - item(coordinates, 4 * row + 2)
            )  # fmt: skip
            u = dx * dx + dy * dy + dz * dz
        else:
            u = splat(own, 0.0)
            for k in range(dimensions):
                d = load(own, k * slots + base) - item(coordinates, row * width + k)
                u = u + d * d
        rows[at] = row
        at += any_lane(u < reach2)
        if 0 <= row - base < lane_count(own):  # not the pair of a particle with itself
            u = select(lane_numbers(own) != row - base, u, np.inf)
        least = select(u < least, u, least)
    return at, any_lane(least < core2)


@jit(**IN_PLACE)
def prune(coordinates, own, all_rows, all_begins, all_ends, reach, core, rows, begins, ends, close, first, last):  # type: ignore[no-untyped-def]
    """Prunes the lists of blocks `first` to `last` - 1.

    Args:
        coordinates, own: places of the sources and of the particles (`NeighbourList`).
        all_rows, all_begins, all_ends: the lists of clusters.
        reach, core: distances within which a source is kept, and within which a block is close.
        rows, begins, ends, close: receive the lists of blocks, and which blocks are close.
        first, last: of the blocks.
    """
    lanes = lane_count(own)
    slots = begins.size * lanes
    for block in range(first, last):
        cluster = block // CLUSTER
        begin, end = all_begins[cluster], all_ends[cluster]
        begins[block] = CLUSTER * begin + (block % CLUSTER) * (end - begin)
        ends[block], close[block] = _prune_block(
            coordinates,
            own,
            slots,
            block * lanes,
            all_rows,
            begin,
            end,
            reach * reach,
            core * core,
            rows,
            begins[block],
        )
