"""Groups of particles that interact, advanced together: all of them take one part of a step, then the next.

A group is a block of `gasfield.stepping.blocks`, and consists of whole blocks of a neighbour list. The gas is in the
order of the list, so that neighbours are near in memory too. A step has two parts: up to the arrival at its last
positions, and from the force there on; between them the list looks how far particles have moved.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from gasfield.kernels.barrier import wait
from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import lane_count
from gasfield.neighbours.loops import push_block
from gasfield.neighbours.neighbour_list import place_near
from gasfield.neighbours.pruning import prune
from gasfield.stepping.blocks import Scratch, before_rows, carry_out, load_block, store_block
from gasfield.stepping.columns import BYTES, column, line, row, span
from gasfield.stepping.program import Do

_ARRIVE = int(Do.ARRIVE)

Pairs = namedtuple(
    "Pairs",
    "coordinates own rows begins ends close all_rows all_begins all_ends sources shifts start since spacing sides far "
    "strengths reach2 core2 near_reach near_core limit2 near_limit2",
)
"""A neighbour list (`NeighbourList`) in the order of the gas: `start`, `since` (N, D) the places at its last build and
pruning, `strengths` (N,) of the particles; squares of the cut-off, of the core, and of the distances that a particle
may move."""
Room = namedtuple("Room", "work heat words0 words1 sums farthest barrier shared needed")
"""What groups keep between two parts of a step, and scratch: a row for each group; heat (N,); `shared` (2, slots * D),
the places at even and at odd steps, for the other threads; `needed` (threads, 1 + rows), how many rows of coordinates
each thread needs of others, and which."""


@jit(**IN_PLACE, forceinline=True)
def _place(scratch, d, pairs, coordinates, shared, farthest, g, begin, n):  # type: ignore[no-untyped-def]
    """Writes the image of each particle that is nearest to its start, for this thread and the others, and the largest
    squares of distances from its places at the last build and pruning."""
    slots, most, most_since = pairs.own.size // d, 0.0, 0.0
    for i in range(n):
        away, away_since = 0.0, 0.0
        x = column(scratch.work, 0, i, d)
        for j in range(d):
            start = pairs.start[begin + i, j]
            place = place_near(np.float64(x[j]), start, pairs.spacing[j], pairs.sides[j], pairs.far)
            coordinates[(begin + i) * (d + 1) + j] = place
            shared[(begin + i) * d + j] = place
            pairs.own[j * slots + begin + i] = place
            away += (place - start) ** 2
            away_since += (place - pairs.since[begin + i, j]) ** 2
        most, most_since = max(most, away), max(most_since, away_since)
    farthest[g, 0], farthest[g, 1] = most, most_since


@jit(**IN_PLACE)
def _prune(d, pairs, coordinates, begin, n):  # type: ignore[no-untyped-def]
    """Chooses the near neighbours of a group."""
    lanes, slots = lane_count(pairs.own), pairs.own.size // d
    first, last = begin // lanes, (begin + n + lanes - 1) // lanes
    prune(
        coordinates, pairs.own, pairs.all_rows, pairs.all_begins, pairs.all_ends, pairs.near_reach, pairs.near_core,
        pairs.rows, pairs.begins, pairs.ends, pairs.close, first, last,
    )  # fmt: skip
    for i in range(begin, begin + n):
        for j in range(d):
            pairs.since[i, j] = pairs.own[j * slots + i]


@jit(**IN_PLACE, forceinline=True)
def _push(evaluate, law, p, before, p_before, after, p_after, scratch, sums, d, pairs, coordinates, begin, n):  # type: ignore[no-untyped-def]
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
            evaluate, law, p, coordinates, pairs.own, slots, pairs.rows, pairs.begins[block], pairs.ends[block], base,
            pairs.close[block], pairs.reach2, pairs.core2, sums,
        )  # fmt: skip
        count = min(lanes, begin + n - base)
        for j in range(d):
            force = row(work, 2 * d + j, base - begin + count)
            for lane in range(count):
                force[base - begin + lane] += -2.0 * pairs.strengths[base + lane] * sums[j * lanes + lane]
    for i in range(n):
        after(column(work, 0, i, d), p_after, column(work, 2 * d, i, d))


@jit(**IN_PLACE, forceinline=True)
def _group(room, g, size, count):  # type: ignore[no-untyped-def]
    """The scratch of a group, its first particle, and their number."""
    begin = g * size
    n = min(size, count - begin)
    return Scratch(line(room.work, g), span(room.heat, begin, n), line(room.words0, g), line(room.words1, g)), begin, n


@jit(**IN_PLACE)
def _row_kept(d, j):  # type: ignore[no-untyped-def]
    """The row of column j of `forces`."""
    return 2 * d + j if j < d else before_rows(d) + j - d


@jit(**IN_PLACE)
def _load(d, room, forces, state, particles, course, g, size):  # type: ignore[no-untyped-def]
    """Copies a group into its scratch."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    load_block(scratch, d, state, particles, course, begin, n)
    for j in range(3 * d):
        values = row(scratch.work, _row_kept(d, j), n)
        for i in range(n):
            values[i] = forces[begin + i, j]


@jit(**IN_PLACE)
def _store(d, room, forces, state, g, size):  # type: ignore[no-untyped-def]
    """Copies a group back."""
    scratch, begin, n = _group(room, g, size, state.positions.shape[0])
    store_block(scratch, d, state, begin, n)
    for j in range(3 * d):
        values = row(scratch.work, _row_kept(d, j), n)
        for i in range(n):
            forces[begin + i, j] = values[i]


@jit(**IN_PLACE)
def _depart(make_noise, d, arrival, k, room, pairs, coordinates, state, particles, sides, course, begin, end, size):  # type: ignore[no-untyped-def]
    """The first part of step k of the groups `begin` to `end` - 1."""
    shared, farthest = line(room.shared, k & 1), line(room.farthest, k & 1)
    for g in range(begin, end):
        scratch, first, n = _group(room, g, size, state.positions.shape[0])
        for piece in range(arrival + 1):
            carry_out(piece, k, make_noise, False, d, scratch, state, particles, sides, course, first, n)
        _place(scratch, d, pairs, coordinates, shared, farthest, g, first, n)


@jit(**IN_PLACE)
def _arrive(  # type: ignore[no-untyped-def]
    evaluate, law, p, before, p_before, after, p_after, make_noise, d, arrival, k, room, pairs, coordinates, state,
    particles, sides, course, begin, end, size,
):  # fmt: skip
    """The second part of step k of the groups `begin` to `end` - 1."""
    for g in range(begin, end):
        scratch, first, n = _group(room, g, size, state.positions.shape[0])
        _push(
            evaluate, law, p, before, p_before, after, p_after, scratch, line(room.sums, g), d, pairs, coordinates,
            first, n,
        )  # fmt: skip
        for piece in range(arrival + 1, course.codes.size):
            carry_out(piece, k, make_noise, False, d, scratch, state, particles, sides, course, first, n)


@jit(**IN_PLACE)
def rows_needed(all_rows, all_begins, all_ends, sources, slots, first, last, begin, end, marks, needed):  # type: ignore[no-untyped-def]
    """Writes which rows of coordinates a thread needs besides its own slots `begin` to `end` - 1, in ascending order,
    after one more than their number: those listed for its clusters `first` to `last` - 1, and the sources of shifted
    ones. `marks` is scratch, one for each row."""
    marks[:] = False
    for cluster in range(first, last):
        for n in range(all_begins[cluster], all_ends[cluster]):
            marks[all_rows[n]] = True
    for n in range(sources.size):
        if marks[slots + n]:
            marks[sources[n]] = True
    count = 1
    for at in range(marks.size):
        if marks[at] and not begin <= at < end:
            needed[count] = at
            count += 1
    needed[0] = count


@jit(**IN_PLACE)
def _gather(pairs, coordinates, shared, needed, d):  # type: ignore[no-untyped-def]
    """Copies the places of others that a thread needs, and shifts sources."""
    slots = pairs.own.size // d
    for n in range(1, needed[0]):
        at = needed[n]
        if at < slots:
            for j in range(d):
                coordinates[at * (d + 1) + j] = shared[at * d + j]
        else:
            source = pairs.sources[at - slots]
            for j in range(d):
                coordinates[at * (d + 1) + j] = coordinates[source * (d + 1) + j] + pairs.shifts[at - slots, j]


@jit(**IN_PLACE)
def advance_groups(  # type: ignore[no-untyped-def]
    evaluate, law, p, before, p_before, after, p_after, make_noise, axes, room, forces, pairs, state, particles,
    sides, course, first, moved, thread, threads,
):  # fmt: skip
    """Steps from `first` on, until all are taken or the list must be built anew; each thread advances its groups, and
    waits for the others between the parts of a step.

    A thread has coordinates of its own, so that what it reads often is not written by another one. What the others need
    is in one of two arrays, by turns, so that a thread that is ahead does not overwrite it: one barrier a step is
    enough.

    Args:
        evaluate, law, p: the pair law.
        before, p_before, after, p_after: laws of fields that come before and after it in the sum.
        make_noise, axes, state, particles, sides, course: as in `blocks.advance_blocks`.
        room: of the groups.
        forces: (N, 3 D) the forces at the positions, and what a program keeps between the parts of a step; those of the
            last positions afterwards.
        pairs: the list, with the coordinates (threads, rows * (D + 1)) of each thread.
        first: step of the course to begin with.
        moved: whether its first part has been taken already.
        thread, threads: number of this thread, and of all.

    Returns:
        The next step of the course, and whether its first part has been taken.
    """
    d, size, count = len(axes), BYTES // state.positions.itemsize, state.positions.shape[0]
    groups = (count + size - 1) // size
    begin, end = groups * thread // threads, groups * (thread + 1) // threads
    coordinates, needed = line(pairs.coordinates, thread), line(room.needed, thread)
    arrival = 0
    while course.codes[arrival] != _ARRIVE:
        arrival += 1
    for g in range(begin, end):
        _load(d, room, forces, state, particles, course, g, size)
    k = first
    while k < course.steps:
        if not moved:
            _depart(
                make_noise, d, arrival, k, room, pairs, coordinates, state, particles, sides, course, begin, end, size
            )
            moved = True
            wait(room.barrier, threads)
            farthest, farthest_since = 0.0, 0.0
            for g in range(groups):
                farthest = max(farthest, room.farthest[k & 1, g, 0])
                farthest_since = max(farthest_since, room.farthest[k & 1, g, 1])
            if farthest > pairs.limit2:
                break
            _gather(pairs, coordinates, line(room.shared, k & 1), needed, d)
            if farthest_since > pairs.near_limit2:
                for g in range(begin, end):
                    _prune(d, pairs, coordinates, g * size, min(size, count - g * size))
        _arrive(
            evaluate, law, p, before, p_before, after, p_after, make_noise, d, arrival, k, room, pairs, coordinates,
            state, particles, sides, course, begin, end, size,
        )  # fmt: skip
        moved = False
        k += 1
    for g in range(begin, end):
        _store(d, room, forces, state, g, size)
    return k, moved
