"""The search for neighbours: for every cluster of blocks all sources that are within a distance of any particle of it.

Entries of a cluster are in ascending order of the particles' numbers, so that sums over them are the same whatever the
blocks, the distance and the history of the list are. The order comes from marking particles in a set of bits, which is
read from its lowest bit to its highest: faster than sorting. An entry is a key, `code * slots + slot`: the code says by
which periods the source is shifted, in base three, with digits 0, 1, 2 for 0, +1, -1 periods.
"""

from __future__ import annotations

import numpy as np

from gasfield.kernels.flags import EXACT, IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import any_lane, item, lane_count, load, select, splat
from gasfield.kernels.words import trailing_zeros

_ONE = np.uint64(1)
CLUSTER = 4
"""Blocks that share a list."""
_WORD = 6
"""log2 of the bits in a word."""


@jit(**EXACT)
def shifts_of_codes(sides):  # type: ignore[no-untyped-def]
    """Codes in use, and their shifts (codes, D): only along periodic coordinates."""
    total = 3**sides.size if sides.any() else 1
    codes, shifts = np.empty(total, np.int64), np.zeros((total, sides.size))
    count = 0
    for code in range(total):
        rest, valid = code, True
        for k in range(sides.size):
            periods = (rest + 1) % 3 - 1
            rest //= 3
            valid &= periods == 0 or sides[k] > 0.0
            shifts[count, k] = periods * sides[k]
        if valid:
            codes[count] = code
            count += 1
    return codes[:count], shifts[:count]


@jit(**IN_PLACE, forceinline=True)
def _mark(marks, keys, heads, more, extra, number, key):  # type: ignore[no-untyped-def]
    """Notes a source; returns how many keys there are besides the first of each particle. Further ones, of other
    images, are in a linked list, (previous key, key), whose head is valid where the third set has the particle."""
    word, bit = number >> _WORD, _ONE << np.uint64(number & 63)
    if marks[0, word] & bit:
        more[extra, 0], more[extra, 1] = heads[number] if marks[2, word] & bit else -1, key
        heads[number] = extra
        marks[2, word] |= bit
        return extra + 1
    marks[0, word] |= bit
    marks[1, word >> _WORD] |= _ONE << np.uint64(word & 63)
    keys[number] = key
    return extra


@jit(**IN_PLACE)
def _read(marks, keys, heads, more, rows, at, end):  # type: ignore[no-untyped-def]
    """Writes the keys in ascending order of the particles to rows[at:end], as far as there is room, and clears all
    marks; returns the place after the last."""
    for upper in range(marks.shape[1] // 64 + 1):
        words = marks[1, upper]
        marks[1, upper] = 0
        while words:
            word = upper * 64 + trailing_zeros(words)
            words &= words - _ONE
            bits, several = marks[0, word], marks[2, word]
            marks[0, word] = marks[2, word] = 0
            while bits:
                place = trailing_zeros(bits)
                number = word * 64 + place
                bits &= bits - _ONE
                if at < end:
                    rows[at] = keys[number]
                at += 1
                n = heads[number] if several & (_ONE << np.uint64(place)) else -1
                while n >= 0:
                    if at < end:
                        rows[at] = more[n, 1]
                    at += 1
                    n = more[n, 0]
    return at


@jit(**IN_PLACE, forceinline=True)
def _gap(low, high, other_low, other_high):  # type: ignore[no-untyped-def]
    """The distance of two intervals."""
    return max(max(other_low - high, low - other_high), 0.0)


@jit(**IN_PLACE, forceinline=True)
def _apart2(box, boxes, node, shifts, c):  # type: ignore[no-untyped-def]
    """The square of the distance of a box (2 D,), its low sides and its high sides, from that of a node, which is
    shifted."""
    dimensions = shifts.shape[1]
    if dimensions == 3:
        x, y, z = shifts[c, 0], shifts[c, 1], shifts[c, 2]
        gap_x = _gap(box[0], box[3], boxes[node, 0] + x, boxes[node, 3] + x)
        gap_y = _gap(box[1], box[4], boxes[node, 1] + y, boxes[node, 4] + y)
        gap_z = _gap(box[2], box[5], boxes[node, 2] + z, boxes[node, 5] + z)
        return gap_x * gap_x + gap_y * gap_y + gap_z * gap_z
    total = 0.0
    for k in range(dimensions):
        x = shifts[c, k]
        gap = _gap(box[k], box[dimensions + k], boxes[node, k] + x, boxes[node, dimensions + k] + x)
        total += gap * gap
    return total


@jit(**IN_PLACE)
def _box_around(boxes, nodes, begin, end, box):  # type: ignore[no-untyped-def]
    """Writes the box around some blocks."""
    dimensions = boxes.shape[1] // 2
    for k in range(dimensions):
        low, high = np.inf, -np.inf
        for block in range(begin, end):
            low, high = min(low, boxes[nodes[block], k]), max(high, boxes[nodes[block], dimensions + k])
        box[k], box[dimensions + k] = low, high


@jit(**IN_PLACE)
def _near_leaves(box, boxes, leaves, shifts, c, reach2, stack, found):  # type: ignore[no-untyped-def]
    """Writes the blocks within a distance of a box, themselves shifted, to `found`; returns their number."""
    stack[0], top, count = 0, 1, 0
    while top:
        top -= 1
        node = stack[top]
        if _apart2(box, boxes, node, shifts, c) > reach2:
            continue
        if leaves[node] < 0:
            stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
            top += 2
        else:
            found[count] = leaves[node]
            count += 1
    return count


@jit(**IN_PLACE)
def _collect(found, count, coordinates, own, slots, base, end, code, shifts, c, numbers, reach2, keys, who, near):  # type: ignore[no-untyped-def]
    """Appends the sources of the blocks found that, shifted, are within a distance of any particle in the slots `base`
    to `end` - 1: their keys and numbers. Returns how many there are then; no branch depends on a distance."""
    lanes, dimensions = lane_count(own), shifts.shape[1]
    for n in range(count):
        for slot in range(found[n] * lanes, (found[n] + 1) * lanes):
            least = splat(own, np.inf)
            if dimensions == 3:
                x = item(coordinates, 4 * slot) + shifts[c, 0]
                y = item(coordinates, 4 * slot + 1) + shifts[c, 1]
                z = item(coordinates, 4 * slot + 2) + shifts[c, 2]
                for part in range(base, end, lanes):
                    dx, dy, dz = load(own, part) - x, load(own, slots + part) - y, load(own, 2 * slots + part) - z
                    u = dx * dx + dy * dy + dz * dz
                    least = select(u < least, u, least)
            else:
                for part in range(base, end, lanes):
                    u = splat(own, 0.0)
                    for k in range(dimensions):
                        d = load(own, k * slots + part) - (
                            item(coordinates, slot * (dimensions + 1) + k) + shifts[c, k]
                        )
                        u = u + d * d
                    least = select(u < least, u, least)
            keys[near], who[near] = code * slots + slot, numbers[slot]
            near += any_lane(least < reach2) and numbers[slot] >= 0
    return near


@jit(**EXACT)
def search(coordinates, own, numbers, boxes, leaves, nodes, sides, reach, rows, begins, ends, wanted, thread, threads):  # type: ignore[no-untyped-def]
    """Lists the neighbours of the clusters of one thread: `CLUSTER` blocks, which share a list.

    Args:
        coordinates: (slots * (D + 1),) place and strength of every slot.
        own: (D * slots,) the same places by coordinate.
        numbers: (slots,) the number of the particle in each slot if it is a source, else -1.
        boxes, leaves, nodes: the tree (`blocks.boxes_of_nodes`).
        sides: (D,) periods, 0 where there is none.
        reach: distance within which a source is listed.
        rows: receives the keys; each task has an equal part of it.
        begins, ends: (clusters,) receive the place of each cluster's keys.
        wanted: (tasks,) receives how many keys each task has found: more than its part of `rows` if there was no room.
        thread, threads: number of this thread, and of all.
    """
    lanes, slots, dimensions = lane_count(own), numbers.size, sides.size
    blocks, clusters, tasks = nodes.size, begins.size, wanted.size
    codes, shifts = shifts_of_codes(sides)
    reach2, room = reach * reach, rows.size // tasks
    marks = np.zeros((3, slots // 64 + 1), np.uint64)
    keys_of, heads, more = np.empty(slots, np.uint32), np.empty(slots, np.int64), np.empty((slots, 2), np.int64)
    stack, box, found = np.empty(128, np.int64), np.empty(2 * dimensions), np.empty(blocks, np.int64)
    most = codes.size * slots + 1
    keys, who = np.empty(most, np.int64), np.empty(most, np.int64)
    for task in range(thread, tasks, threads):
        at, end = task * room, (task + 1) * room
        for cluster in range(task * clusters // tasks, (task + 1) * clusters // tasks):
            first, last = cluster * CLUSTER, min((cluster + 1) * CLUSTER, blocks)
            _box_around(boxes, nodes, first, last, box)
            near = extra = 0
            for c in range(codes.size):
                count = _near_leaves(box, boxes, leaves, shifts, c, reach2, stack, found)
                if count:
                    near = _collect(
                        found, count, coordinates, own, slots, first * lanes, last * lanes, codes[c], shifts, c,
                        numbers, reach2, keys, who, near,
                    )  # fmt: skip
            if near > more.shape[0]:  # several images of each particle, in a small box
                more = np.empty((near, 2), np.int64)
            for n in range(near):
                extra = _mark(marks, keys_of, heads, more, extra, who[n], keys[n])
            begins[cluster] = at
            at = _read(marks, keys_of, heads, more, rows, at, end)
            ends[cluster] = at
        wanted[task] = at - task * room


@jit(**EXACT)
def number_images(rows, begins, ends, slots, row_of):  # type: ignore[no-untyped-def]
    """Replaces keys by rows of coordinates, in place: the slots come first, then every shifted source in use.

    Args:
        rows, begins, ends: as `search` has filled them.
        slots: number of slots.
        row_of: (codes * slots,) scratch, zeros, and zeros again afterwards.

    Returns:
        Keys (images,) of the shifted sources, in the order of their rows.
    """
    images = np.empty(row_of.size, np.int64)
    count = 0
    for block in range(begins.size):
        for n in range(begins[block], ends[block]):
            key = np.int64(rows[n])
            if key < slots:
                continue
            if row_of[key] == 0:
                row_of[key] = slots + count
                images[count] = key
                count += 1
            rows[n] = row_of[key]
    for n in range(count):
        row_of[images[n]] = 0
    return images[:count].copy()
