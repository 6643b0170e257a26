"""Sums over the pairs of a neighbour list, for any pair law: several particles at once, one neighbour after the other.

The lanes are the particles of a block. Each has an accumulator of its own, to which the neighbours contribute in
ascending order of their numbers; one that is out of reach contributes zero. So the sum is that over all pairs, bit by
bit. With u = r^2 of a pair and w the strengths, the loops give

    force     -2 w_i sum_j w_j U'(u) d          (0 for coincident particles, of which neither has a direction)
    energy    w_i sum_j w_j (U(u) - U(reach^2))
    Laplacian w_i sum_j w_j (4 u U'' + 2 D U')
    r . F     -2 w_i sum_j w_j u U'

A law without branches is evaluated for all lanes at once (`of_lanes`), another one lane by lane (`of_each_lane`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gasfield.kernels.flags import EXACT, IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import (
    can_use_lanes,
    extract,
    insert,
    item,
    lane_count,
    lane_numbers,
    larger,
    load,
    select,
    splat,
    store,
)
from gasfield.kernels.pointwise import pointwise_kernel


@pointwise_kernel
def of_lanes(law, u, p):  # type: ignore[no-untyped-def]
    """(U, U', U'') of all lanes."""
    return law(u, p)


@pointwise_kernel
def of_each_lane(law, u, p):  # type: ignore[no-untyped-def]
    """(U, U', U'') of all lanes, one after the other."""
    energies, slopes, bends = u, u, u
    for lane in range(lane_count(u)):
        energy, slope, bend = law(extract(u, lane), p)
        energies = insert(energies, lane, energy)
        slopes = insert(slopes, lane, slope)
        bends = insert(bends, lane, bend)
    return energies, slopes, bends


def evaluation(law: Any, parameters: Any, dtype: Any) -> Any:
    """How a law is evaluated for lanes of a type: all at once where it can be."""
    return of_lanes if can_use_lanes(law, parameters, dtype) else of_each_lane


@jit(**IN_PLACE, forceinline=True)
def slope_at(evaluate, law, u, p):  # type: ignore[no-untyped-def]
    """U' at u."""
    return evaluate(law, u, p)[1]


@jit(**IN_PLACE, forceinline=True)
def continued(evaluate, law, u, p, core2):  # type: ignore[no-untyped-def]
    """(U, U', U'') at u; inside the core, the Taylor polynomial about its edge."""
    edge = larger(u, core2)
    energy, slope, bend = evaluate(law, edge, p)
    inside = u - edge
    return energy + inside * (slope + 0.5 * inside * bend), slope + inside * bend, bend


@jit(**IN_PLACE, forceinline=True)
def _push_in_2(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, reach2, sums):  # type: ignore[no-untyped-def]
    """Writes sum_j w_j U' d (D, lanes) of a block in two dimensions; far from the core."""
    x, y = load(own, base), load(own, slots + base)
    sum_x = sum_y = splat(own, 0.0)
    for n in range(begin, end):
        at = item(rows, n) * 3
        dx, dy = x - item(coordinates, at), y - item(coordinates, at + 1)
        u = dx * dx + dy * dy
        slope = slope_at(evaluate, law, u, p)
        factor = select((u < reach2) & (u > 0.0), item(coordinates, at + 2) * slope, 0.0)
        sum_x = sum_x + factor * dx
        sum_y = sum_y + factor * dy
    store(sums, 0, sum_x)
    store(sums, lane_count(own), sum_y)


@jit(**IN_PLACE, forceinline=True)
def _push_in_3(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, reach2, sums):  # type: ignore[no-untyped-def]
    """The same in three dimensions."""
    x, y, z = load(own, base), load(own, slots + base), load(own, 2 * slots + base)
    sum_x = sum_y = sum_z = splat(own, 0.0)
    for n in range(begin, end):
        at = item(rows, n) * 4
        dx, dy, dz = x - item(coordinates, at), y - item(coordinates, at + 1), z - item(coordinates, at + 2)
        u = dx * dx + dy * dy + dz * dz
        slope = slope_at(evaluate, law, u, p)
        factor = select((u < reach2) & (u > 0.0), item(coordinates, at + 3) * slope, 0.0)
        sum_x = sum_x + factor * dx
        sum_y = sum_y + factor * dy
        sum_z = sum_z + factor * dz
    store(sums, 0, sum_x)
    store(sums, lane_count(own), sum_y)
    store(sums, 2 * lane_count(own), sum_z)


@jit(**IN_PLACE)
def _push_anywhere(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, reach2, core2, sums):  # type: ignore[no-untyped-def]
    """The same in any dimension, also within the core."""
    lanes, dimensions = lane_count(own), own.size // slots
    sums[:] = 0.0
    for n in range(begin, end):
        at = item(rows, n) * (dimensions + 1)
        u = splat(own, 0.0)
        for k in range(dimensions):
            d = load(own, k * slots + base) - item(coordinates, at + k)
            u = u + d * d
        slope = continued(evaluate, law, u, p, core2)[1]
        factor = select((u < reach2) & (u > 0.0), item(coordinates, at + dimensions) * slope, 0.0)
        for k in range(dimensions):
            d = load(own, k * slots + base) - item(coordinates, at + k)
            store(sums, k * lanes, load(sums, k * lanes) + factor * d)


@jit(**IN_PLACE)
def push_block(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, close, reach2, core2, sums):  # type: ignore[no-untyped-def]
    """Writes sum_j w_j U' d of the particles of a block to `sums`, (D * lanes,)."""
    dimensions = own.size // slots
    if dimensions == 3 and not close:
        _push_in_3(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, reach2, sums)
    elif dimensions == 2 and not close:
        _push_in_2(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, reach2, sums)
    else:
        _push_anywhere(evaluate, law, p, coordinates, own, slots, rows, begin, end, base, reach2, core2, sums)


@jit(**EXACT)
def push(  # type: ignore[no-untyped-def]
    evaluate, law, p, coordinates, own, order, rows, begins, ends, close, strengths, reach2, core2, force, thread,
    threads,
):  # fmt: skip
    """F_i += -2 w_i sum_j w_j U'(r_ij^2) (x_i - x_j) for the blocks of one thread; force (N, D), strengths (N,) of the
    particles."""
    lanes, dimensions = lane_count(own), force.shape[1]
    slots = own.size // dimensions
    sums = np.empty(dimensions * lanes, own.dtype)
    for block in range(begins.size * thread // threads, begins.size * (thread + 1) // threads):
        base = block * lanes
        push_block(
            evaluate, law, p, coordinates, own, slots, rows, begins[block], ends[block], base, close[block],
            reach2, core2, sums,
        )  # fmt: skip
        for lane in range(min(lanes, order.size - base)):
            i = order[base + lane]
            for k in range(dimensions):
                force[i, k] += -2.0 * strengths[i] * sums[k * lanes + lane]


@jit(**EXACT)
def add_up(  # type: ignore[no-untyped-def]
    evaluate, law, p, coordinates, own, order, rows, begins, ends, strengths, reach2, core2, sums, thread, threads
):
    """sums_i += (U, Laplacian of U, r . F) of each pair of particle i, for the blocks of one thread; sums (N, 3)."""
    lanes, blocks = lane_count(own), begins.size
    slots = blocks * lanes
    dimensions = own.size // slots
    edge = continued(evaluate, law, splat(own, reach2), p, core2)[0]
    scratch = np.empty(3 * lanes, own.dtype)
    for block in range(blocks * thread // threads, blocks * (thread + 1) // threads):
        base = block * lanes
        energies = laplacians = virials = splat(own, 0.0)
        for n in range(begins[block], ends[block]):
            row = item(rows, n)
            at = row * (dimensions + 1)
            u = splat(own, 0.0)
            for k in range(dimensions):
                d = load(own, k * slots + base) - item(coordinates, at + k)
                u = u + d * d
            energy, slope, bend = continued(evaluate, law, u, p, core2)
            weight = item(coordinates, at + dimensions)
            counts = (u < reach2) & (lane_numbers(own) != row - base)
            energies = energies + select(counts, weight * (energy - edge), 0.0)
            laplacians = laplacians + select(counts, weight * (4.0 * u * bend + 2.0 * dimensions * slope), 0.0)
            virials = virials + select(counts, weight * (u * slope), 0.0)
        store(scratch, 0, energies)
        store(scratch, lanes, laplacians)
        store(scratch, 2 * lanes, virials)
        for lane in range(min(lanes, order.size - base)):
            i = order[base + lane]
            sums[i, 0] += strengths[i] * scratch[lane]
            sums[i, 1] += strengths[i] * scratch[lanes + lane]
            sums[i, 2] += -2.0 * strengths[i] * scratch[2 * lanes + lane]
