"""Groups of particles that interact, advanced together: all of them take one part of a step, then the next.

A group is a block of `gasfield.stepping.blocks`, and consists of whole blocks of a neighbour list. The gas is in the order of
the list, so that neighbours are near in memory too. A step has two parts: up to the arrival at its last positions, and from
the force there on; between them the list looks how far particles have moved.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from numba import prange

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import lane_count
from gasfield.neighbours.loops import push_block
from gasfield.stepping.blocks import Scratch, before_rows, carry_out, load_block, store_block
from gasfield.stepping.columns import BYTES, column, row
from gasfield.stepping.program import Do

_ARRIVE = int(Do.ARRIVE)

Pairs = namedtuple(
    "Pairs", "coordinates own rows begins ends close sources shifts start spacing sides far strengths reach2 core2 limit2"
)
"""A neighbour list (`NeighbourList`) in the order of the gas: `start` (N, D) the places at its last build, `strengths` (N,) of
the particles; squares of the cut-off, of the core, and of the distance that a particle may move."""
Room = namedtuple("Room", "work heat words0 words1 sums farthest")
"""What groups keep between two parts of a step, and scratch: a row for each group; heat (N,)."""


@jit(**EXACT)
def _place(scratch, d, pairs, begin, n):  # type: ignore[no-untyped-def]
    """Writes the image of each particle that is nearest to its start; returns the largest square of a distance."""
    most, slots = 0.0, pairs.own.size // d
    for j in range(d):
        x = row(scratch.work, j, n)
        for i in range(n):
            place = np.float64(x[i])
            if pairs.sides[j] > 0.0:
                place = np.rint(place / pairs.spacing[j]) * pairs.spacing[j]
                place -= pairs.sides[j] * np.rint((place - pairs.start[begin + i, j]) / pairs.sides[j])
            if not abs(place) < pairs.far:
                place = pairs.far
            pairs.coordinates[(begin + i) * (d + 1) + j] = place
            pairs.own[j * slots + begin + i] = place
    for i in range(n):
        moved2 = 0.0
        for j in range(d):
            moved2 += (pairs.coordinates[(begin + i) * (d + 1) + j] - pairs.start[begin + i, j]) ** 2
        most = max(most, moved2)
    return most


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
def _depart(make_noise, d, arrival, k, room, pairs, state, particles, sides, course, together, g, size):  # type: ignore[no-untyped-def]
    """The first part of step k of a group."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    for piece in range(arrival + 1):
        carry_out(piece, k, make_noise, together, d, scratch, state, particles, sides, course, begin, n)
    room.farthest[g] = _place(scratch, d, pairs, begin, n)


@jit(**EXACT)
def _arrive(evaluate, law, p, before, p_before, after, p_after, make_noise, d, arrival, k, room, pairs, state, particles, sides, course, together, g, size):  # type: ignore[no-untyped-def]
    """The second part of step k of a group."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    _push(evaluate, law, p, before, p_before, after, p_after, scratch, room.sums[g], d, pairs, begin, n)
    for piece in range(arrival + 1, course.codes.size):
        carry_out(piece, k, make_noise, together, d, scratch, state, particles, sides, course, begin, n)


@jit(**EXACT)
def _shift(pairs, d, begin, end):  # type: ignore[no-untyped-def]
    """Writes the rows of shifted sources."""
    slots = pairs.own.size // d
    for m in range(begin, end):
        for j in range(d):
            place = pairs.coordinates[pairs.sources[m] * (d + 1) + j] + pairs.shifts[m, j]
            pairs.coordinates[(slots + m) * (d + 1) + j] = place
        pairs.coordinates[(slots + m) * (d + 1) + d] = pairs.coordinates[pairs.sources[m] * (d + 1) + d]


def _advance(evaluate, law, p, before, p_before, after, p_after, make_noise, axes, room, forces, pairs, state, particles, sides, course, first, moved):  # type: ignore[no-untyped-def]
    """Steps from `first` on, until all are taken or the list must be built anew.

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

    Returns:
        The next step of the course, and whether its first part has been taken.
    """
    d, size, count = len(axes), BYTES // state.positions.itemsize, state.positions.shape[0]
    groups = (count + size - 1) // size
    images, tasks = pairs.sources.size, (pairs.sources.size + 511) // 512
    arrival = 0
    while course.codes[arrival] != _ARRIVE:
        arrival += 1
    for g in prange(groups):
        scratch, begin, n = _group(room, g, size, count)
        load_block(scratch, d, state, particles, course, begin, n)
        for j in range(3 * d):
            values = row(scratch.work, _row_kept(d, j), n)
            for i in range(n):
                values[i] = forces[begin + i, j]
        if moved:
            room.farthest[g] = _place(scratch, d, pairs, begin, n)
    k, stale = first, False
    while k < course.steps:
        if not moved:
            for g in prange(groups):
                _depart(make_noise, d, arrival, k, room, pairs, state, particles, sides, course, False, g, size)
            moved = True
            stale = room.farthest.max() > pairs.limit2
        if stale:
            break
        for task in prange(tasks):
            _shift(pairs, d, task * 512, min((task + 1) * 512, images))
        for g in prange(groups):
            _arrive(
                evaluate, law, p, before, p_before, after, p_after, make_noise, d, arrival, k, room, pairs, state,
                particles, sides, course, False, g, size,
            )  # fmt: skip
        moved = False
        k += 1
    for g in prange(groups):
        scratch, begin, n = _group(room, g, size, count)
        store_block(scratch, d, state, begin, n)
        for j in range(3 * d):
            values = row(scratch.work, _row_kept(d, j), n)
            for i in range(n):
                forces[begin + i, j] = values[i]
    return k, moved


advance_alone = jit(**EXACT)(_advance)
"""On one thread."""
advance_together = jit(**EXACT_PARALLEL)(_advance)
"""In parallel."""
