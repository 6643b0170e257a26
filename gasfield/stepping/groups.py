"""Groups of particles that interact, advanced together: all of them take one part of a step, then the next.

A group is a block of `gasfield.stepping.blocks`, and consists of whole blocks of a neighbour list. The gas is in the order of
the list, so that neighbours are near in memory too. A step has two parts: up to the arrival at its last positions, and from
the force there on; between them the list looks how far particles have moved.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from gasfield.kernels.barrier import wait
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import lane_count
from gasfield.neighbours.loops import push_block
from gasfield.neighbours.neighbour_list import place_near, shift
from gasfield.neighbours.pruning import prune
from gasfield.stepping.blocks import Scratch, before_rows, carry_out, load_block, store_block
from gasfield.stepping.columns import BYTES, column, row
from gasfield.stepping.program import Do

_ARRIVE = int(Do.ARRIVE)

Pairs = namedtuple(
    "Pairs",
    "coordinates own rows begins ends close all_rows all_begins all_ends sources shifts start since spacing sides far strengths reach2 "
    "core2 near_reach near_core limit2 near_limit2",
)
"""A neighbour list (`NeighbourList`) in the order of the gas: `start`, `since` (N, D) the places at its last build and pruning,
`strengths` (N,) of the particles; squares of the cut-off, of the core, and of the distances that a particle may move."""
Room = namedtuple("Room", "work heat words0 words1 sums farthest barrier")
"""What groups keep between two parts of a step, and scratch: a row for each group; heat (N,)."""


@jit(**EXACT)
def _place(scratch, d, pairs, farthest, g, begin, n):  # type: ignore[no-untyped-def]
    """Writes the image of each particle that is nearest to its start, and the largest squares of distances from its places
    at the last build and pruning."""
    slots, most, most_since = pairs.own.size // d, 0.0, 0.0
    for i in range(n):
        away, away_since = 0.0, 0.0
        x = column(scratch.work, 0, i, d)
        for j in range(d):
            start = pairs.start[begin + i, j]
            place = place_near(np.float64(x[j]), start, pairs.spacing[j], pairs.sides[j], pairs.far)
            pairs.coordinates[(begin + i) * (d + 1) + j] = place
            pairs.own[j * slots + begin + i] = place
            away += (place - start) ** 2
            away_since += (place - pairs.since[begin + i, j]) ** 2
        most, most_since = max(most, away), max(most_since, away_since)
    farthest[g, 0], farthest[g, 1] = most, most_since


@jit(**EXACT)
def _prune(d, pairs, begin, n):  # type: ignore[no-untyped-def]
    """Chooses the near neighbours of a group."""
    lanes, slots = lane_count(pairs.own), pairs.own.size // d
    first, last = begin // lanes, (begin + n + lanes - 1) // lanes
    prune(
        pairs.coordinates, pairs.own, pairs.all_rows, pairs.all_begins, pairs.all_ends, pairs.near_reach, pairs.near_core,
        pairs.rows, pairs.begins, pairs.ends, pairs.close, first, last,
    )  # fmt: skip
    for i in range(begin, begin + n):
        for j in range(d):
            pairs.since[i, j] = pairs.own[j * slots + i]


@jit(**EXACT)
def _push(evaluate, law, p, before, p_before, after, p_after, scratch, sums, d, pairs, begin, n):  # type: ignore[no-untyped-def]
    """F = F(x): fields before the pair force in the sum, the pairs, and fields after it."""
    work, lanes, slots = scratch.work, lane_count(pairs.own), pairs.own.size // d
    for i in range(n):
        force = column(work, 2 * d, i, d)
        for j in range(d):
            force[j] = 0.0
        before(column(work, 0, i, d), p_before, force)
    for base in range(begin, begin + n, lanes):
        block = base // lanes
        push_block(
            evaluate, law, p, pairs.coordinates, pairs.own, slots, pairs.rows, pairs.begins[block], pairs.ends[block], base,
            pairs.close[block], pairs.reach2, pairs.core2, sums,
        )  # fmt: skip
        count = min(lanes, begin + n - base)
        for j in range(d):
            force = row(work, 2 * d + j, base - begin + count)
            for lane in range(count):
                force[base - begin + lane] += -2.0 * pairs.strengths[base + lane] * sums[j * lanes + lane]
    for i in range(n):
        after(column(work, 0, i, d), p_after, column(work, 2 * d, i, d))


@jit(**EXACT)
def _group(room, g, size, count):  # type: ignore[no-untyped-def]
    """The scratch of a group, its first particle, and their number."""
    begin = g * size
    n = min(size, count - begin)
    return Scratch(room.work[g], room.heat[begin : begin + n], room.words0[g], room.words1[g]), begin, n


@jit(**EXACT)
def _row_kept(d, j):  # type: ignore[no-untyped-def]
    """The row of column j of `forces`."""
    return 2 * d + j if j < d else before_rows(d) + j - d


@jit(**EXACT)
def _load(d, room, forces, state, particles, course, g, size):  # type: ignore[no-untyped-def]
    """Copies a group into its scratch."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    load_block(scratch, d, state, particles, course, begin, n)
    for j in range(3 * d):
        values = row(scratch.work, _row_kept(d, j), n)
        for i in range(n):
            values[i] = forces[begin + i, j]


@jit(**EXACT)
def _store(d, room, forces, state, g, size):  # type: ignore[no-untyped-def]
    """Copies a group back."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    store_block(scratch, d, state, begin, n)
    for j in range(3 * d):
        values = row(scratch.work, _row_kept(d, j), n)
        for i in range(n):
            forces[begin + i, j] = values[i]


@jit(**EXACT)
def _depart(make_noise, d, arrival, k, room, pairs, state, particles, sides, course, g, size):  # type: ignore[no-untyped-def]
    """The first part of step k of a group."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    for piece in range(arrival + 1):
        carry_out(piece, k, make_noise, False, d, scratch, state, particles, sides, course, begin, n)
    _place(scratch, d, pairs, room.farthest, g, begin, n)


@jit(**EXACT)
def _arrive(evaluate, law, p, before, p_before, after, p_after, make_noise, d, arrival, k, room, pairs, state, particles, sides, course, g, size):  # type: ignore[no-untyped-def]
    """The second part of step k of a group."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    _push(evaluate, law, p, before, p_before, after, p_after, scratch, room.sums[g], d, pairs, begin, n)
    for piece in range(arrival + 1, course.codes.size):
        carry_out(piece, k, make_noise, False, d, scratch, state, particles, sides, course, begin, n)


@jit(**EXACT)
def advance_groups(evaluate, law, p, before, p_before, after, p_after, make_noise, axes, room, forces, pairs, state, particles, sides, course, first, moved, thread, threads):  # type: ignore[no-untyped-def]
    """Steps from `first` on, until all are taken or the list must be built anew; each thread advances its groups, and waits for
    the others between the parts of a step.

    Args:
        evaluate, law, p: the pair law.
        before, p_before, after, p_after: laws of fields that come before and after it in the sum.
        make_noise, axes, state, particles, sides, course: as in `blocks.advance_blocks`.
        room: of the groups.
        forces: (N, 3 D) the forces at the positions, and what a program keeps between the parts of a step; those of the
            last positions afterwards.
        pairs: the list.
        first: step of the course to begin with.
        moved: whether its first part has been taken already.
        thread, threads: number of this thread, and of all.

    Returns:
        The next step of the course, and whether its first part has been taken.
    """
    d, size, count = len(axes), BYTES // state.positions.itemsize, state.positions.shape[0]
    groups, images = (count + size - 1) // size, pairs.sources.size
    begin, end = groups * thread // threads, groups * (thread + 1) // threads
    first_image, last_image = images * thread // threads, images * (thread + 1) // threads
    arrival = 0
    while course.codes[arrival] != _ARRIVE:
        arrival += 1
    for g in range(begin, end):
        _load(d, room, forces, state, particles, course, g, size)
    k = first
    while k < course.steps:
        if not moved:
            for g in range(begin, end):
                _depart(make_noise, d, arrival, k, room, pairs, state, particles, sides, course, g, size)
            moved = True
            wait(room.barrier, threads)
            farthest, farthest_since = 0.0, 0.0
            for g in range(groups):
                farthest, farthest_since = max(farthest, room.farthest[g, 0]), max(farthest_since, room.farthest[g, 1])
            if farthest > pairs.limit2:
                break
            shift(pairs.coordinates, pairs.sources, pairs.shifts, pairs.own.size // d, first_image, last_image)
            wait(room.barrier, threads)
            if farthest_since > pairs.near_limit2:
                for g in range(begin, end):
                    _prune(d, pairs, g * size, min(size, count - g * size))
        for g in range(begin, end):
            _arrive(
                evaluate, law, p, before, p_before, after, p_after, make_noise, d, arrival, k, room, pairs, state,
                particles, sides, course, g, size,
            )  # fmt: skip
        moved = False
        k += 1
        wait(room.barrier, threads)
    for g in range(begin, end):
        _store(d, room, forces, state, g, size)
    return k, moved
