"""The near part of a neighbour list: of all that is listed, what can come within reach during the next few steps.

A list is made for as long as possible, hence far beyond the reach; pruned now and then, it is short as well (rolling pruning:
Pall and Hess, 2013, "A flexible algorithm for calculating pair interactions on SIMD architectures"). Pruning keeps the order.
"""

from __future__ import annotations

import numpy as np

from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import any_lane, item, lane_count, lane_numbers, load, select, splat


@jit(**EXACT)
def prune_block(coordinates, own, slots, base, all_rows, begin, end, reach2, core2, rows):  # type: ignore[no-untyped-def]
    """Copies those of all_rows[begin:end] that are within a distance of any particle of the block to rows, from `begin` on.

    Returns:
        The place after the last, and whether another particle is within `core2` of one of the block.
    """
    dimensions, at = own.size // slots, begin
    least = splat(own, np.inf)
    for n in range(begin, end):
        row = item(all_rows, n)
        place = row * (dimensions + 1)
        u = splat(own, 0.0)
        for k in range(dimensions):
            d = load(own, k * slots + base) - item(coordinates, place + k)
            u = u + d * d
        rows[at] = row
        at += any_lane(u < reach2)
        least = select((u < least) & (lane_numbers(own) != row - base), u, least)
    return at, any_lane(least < core2)


@jit(**EXACT)
def prune(coordinates, own, all_rows, begins, all_ends, reach, core, rows, ends, close, first, last):  # type: ignore[no-untyped-def]
    """Prunes the lists of blocks `first` to `last` - 1: `prune_block` with distances `reach` and `core`."""
    lanes = lane_count(own)
    slots = begins.size * lanes
    for block in range(first, last):
        ends[block], close[block] = prune_block(
            coordinates, own, slots, block * lanes, all_rows, begins[block], all_ends[block], reach * reach, core * core, rows
        )
