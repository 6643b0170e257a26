"""The search for neighbours: for every block of particles all sources that are within a distance of any of them.

Entries of a block are in ascending order of the particles' numbers, so that sums over them are the same whatever the blocks,
the distance and the history of the list are. The order comes from marking particles in a set of bits, which is read from its
lowest bit to its highest: faster than sorting. An entry is a key, `code * slots + slot`: the code says by which periods the
source is shifted, in base three, with digits 0, 1, 2 for 0, +1, -1 periods.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.lanes import any_lane, item, lane_count, load, select, splat
from gasfield.kernels.words import trailing_zeros

_ONE = np.uint64(1)
_GROUP = 8
"""Blocks that share one walk of the tree."""
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


@jit(**EXACT, forceinline=True)
def _mark(marks, keys, more, extra, number, key):  # type: ignore[no-untyped-def]
    """Notes a source; returns how many keys there are besides the first of each particle."""
    word, bit = number >> _WORD, _ONE << np.uint64(number & 63)
    if marks[0, word] & bit:
        if extra < more.shape[0]:
            more[extra, 0], more[extra, 1] = number, key
        return extra + 1
    marks[0, word] |= bit
    marks[1, word >> _WORD] |= _ONE << np.uint64(word & 63)
    keys[number] = key
    return extra


@jit(**EXACT)
def _read(marks, keys, more, extra, rows, at, end):  # type: ignore[no-untyped-def]
    """Writes the keys in ascending order of the particles to rows[at:end], as far as there is room, and clears all marks;
    returns the place after the last."""
    for upper in range(marks.shape[1] // 64 + 1):
        words = marks[1, upper]
        marks[1, upper] = 0
        while words:
            word = upper * 64 + trailing_zeros(words)
            words &= words - _ONE
            bits = marks[0, word]
            marks[0, word] = 0
            while bits:
                number = word * 64 + trailing_zeros(bits)
                bits &= bits - _ONE
                if at < end:
                    rows[at] = keys[number]
                at += 1
                for n in range(extra):
                    if more[n, 0] == number:
                        if at < end:
                            rows[at] = more[n, 1]
                        at += 1
    return at


@jit(**EXACT)
def _are_close(coordinates, base, count, width, limit2):  # type: ignore[no-untyped-def]
    """Whether any two particles of a block are within a distance."""
    for i in range(base, base + count):
        for j in range(base, i):
            u = 0.0
            for k in range(width - 1):
                d = coordinates[i * width + k] - coordinates[j * width + k]
                u += d * d
            if u < limit2:
                return True
    return False


@jit(**EXACT, forceinline=True)
def _apart2(first, n, second, m, shifts, c):  # type: ignore[no-untyped-def]
    """The square of the distance of a box from another one, which is shifted; boxes (_, 2 D): low sides, high sides."""
    total, dimensions = 0.0, shifts.shape[1]
    for k in range(dimensions):
        gap = second[m, k] + shifts[c, k] - first[n, dimensions + k]
        other = first[n, k] - second[m, dimensions + k] - shifts[c, k]
        gap = max(gap, other, 0.0)
        total += gap * gap
    return total


@jit(**EXACT)
def _box_around(boxes, nodes, begin, end, box):  # type: ignore[no-untyped-def]
    """Writes the box around some blocks to box[0]."""
    dimensions = boxes.shape[1] // 2
    for k in range(dimensions):
        low, high = np.inf, -np.inf
        for block in range(begin, end):
            low, high = min(low, boxes[nodes[block], k]), max(high, boxes[nodes[block], dimensions + k])
        box[0, k], box[0, dimensions + k] = low, high


@jit(**EXACT)
def _near_leaves(box, boxes, leaves, shifts, c, reach2, stack, found, around, count):  # type: ignore[no-untyped-def]
    """Appends (leaf, c) for the leaves within a distance of a box, themselves shifted, to `found` and their boxes to
    `around`, (2 D, _); returns their number."""
    stack[0], top = 0, 1
    while top:
        top -= 1
        node = stack[top]
        if _apart2(box, 0, boxes, node, shifts, c) > reach2:
            continue
        if leaves[node] < 0:
            stack[top], stack[top + 1] = 2 * node + 2, 2 * node + 1
            top += 2
        else:
            found[count, 0], found[count, 1] = node, c
            for k in range(shifts.shape[1]):
                around[k, count] = boxes[node, k] + shifts[c, k]
                around[shifts.shape[1] + k, count] = boxes[node, shifts.shape[1] + k] + shifts[c, k]
            count += 1
    return count


@jit(**EXACT)
def _candidates(node, boxes, leaves, lanes, coordinates, codes, shifts, reach2, found, around, squares, count, numbers, hits, places, keys, who):  # type: ignore[no-untyped-def]
    """Copies the sources of those leaves found that are within a distance of a node's box; returns their number.

    Tests are apart from copies, and neither branches on a test, which could not be predicted.
    """
    dimensions, slots = shifts.shape[1], numbers.size
    near = 0
    squares[:count] = 0.0
    for k in range(dimensions):
        low, high = boxes[node, k], boxes[node, dimensions + k]
        lows, highs = around[k, :count], around[dimensions + k, :count]
        for n in range(count):
            gap = max(max(lows[n] - high, low - highs[n]), 0.0)
            squares[n] += gap * gap
    for n in range(count):
        hits[near] = n
        near += squares[n] <= reach2
    total = 0
    for n in range(near):
        leaf, c = found[hits[n], 0], found[hits[n], 1]
        for slot in range(leaves[leaf] * lanes, (leaves[leaf] + 1) * lanes):
            for k in range(dimensions):
                places[total * dimensions + k] = coordinates[slot * (dimensions + 1) + k] + shifts[c, k]
            keys[total], who[total] = codes[c] * slots + slot, numbers[slot]
            total += numbers[slot] >= 0
    return total


@jit(**EXACT, forceinline=True)
def _square_distances(own, slots, base, dimensions, places, n):  # type: ignore[no-untyped-def]
    """Squares of the distances of a candidate from the particles of the block that begins at slot `base`."""
    if dimensions == 3:
        dx, dy = load(own, base) - item(places, 3 * n), load(own, slots + base) - item(places, 3 * n + 1)
        dz = load(own, 2 * slots + base) - item(places, 3 * n + 2)
        return dx * dx + dy * dy + dz * dz
    u = splat(own, 0.0)
    for k in range(dimensions):
        d = load(own, k * slots + base) - item(places, n * dimensions + k)
        u = u + d * d
    return u


@jit(**EXACT)
def _within(places, total, own, slots, base, reach2, hits):  # type: ignore[no-untyped-def]
    """Writes which candidates are within a distance of any particle of a block to `hits`; returns their number."""
    near, dimensions = 0, own.size // slots
    for n in range(total):
        hits[near] = n
        near += any_lane(_square_distances(own, slots, base, dimensions, places, n) < reach2)
    return near


@jit(**EXACT)
def _is_close(places, hits, near, keys, own, slots, base, coordinates, core2):  # type: ignore[no-untyped-def]
    """Whether any pair of a particle of a block and a candidate is within the core, or about to be."""
    dimensions, lanes = own.size // slots, lane_count(own)
    for n in range(near):
        another = keys[hits[n]] < base or keys[hits[n]] >= base + lanes
        if another and any_lane(_square_distances(own, slots, base, dimensions, places, hits[n]) < core2):
            return True
    return _are_close(coordinates, base, lanes, dimensions + 1, core2)


@jit(**EXACT_PARALLEL)
def search(coordinates, own, numbers, boxes, leaves, nodes, sides, reach, core, rows, begins, ends, close, wanted):  # type: ignore[no-untyped-def]
    """Lists the neighbours of all blocks.

    Args:
        coordinates: (slots * (D + 1),) place and strength of every slot.
        own: (D * slots,) the same places by coordinate.
        numbers: (slots,) the number of the particle in each slot if it is a source, else -1.
        boxes, leaves, nodes: the tree (`blocks.boxes_of_nodes`).
        sides: (D,) periods, 0 where there is none.
        reach, core: distances within which a source is listed, and within which a block is close.
        rows: receives the keys; each task has an equal part of it.
        begins, ends: (blocks,) receive the place of each block's keys.
        close: (blocks,) receives whether a pair is within `core`.
        wanted: (tasks,) receives how many keys each task has found: more than its part of `rows` if there was no room.
    """
    lanes, slots, dimensions = lane_count(own), numbers.size, sides.size
    blocks, tasks = begins.size, wanted.size
    codes, shifts = shifts_of_codes(sides)
    reach2, core2 = reach * reach, core * core
    room = rows.size // tasks
    for task in prange(tasks):
        marks = np.zeros((2, slots // 64 + 1), np.uint64)
        keys_of, more = np.empty(slots, np.uint32), np.empty((slots, 2), np.int64)
        stack, box = np.empty(128, np.int64), np.empty((1, boxes.shape[1]))
        most = codes.size * blocks
        found, hits = np.empty((most, 2), np.int64), np.empty(most * lanes, np.int64)
        around, squares = np.empty((2 * dimensions, most)), np.empty(most)
        places, keys = np.empty(most * lanes * dimensions, own.dtype), np.empty(most * lanes, np.int64)
        who = np.empty(most * lanes, np.int64)
        at, end = task * room, (task + 1) * room
        last = (task + 1) * blocks // tasks
        for begin in range(task * blocks // tasks, last, _GROUP):
            group = min(begin + _GROUP, last)
            _box_around(boxes, nodes, begin, group, box)
            count = 0
            for c in range(codes.size):
                count = _near_leaves(box, boxes, leaves, shifts, c, reach2, stack, found, around, count)
            for block in range(begin, group):
                base, extra = block * lanes, 0
                total = _candidates(
                    nodes[block], boxes, leaves, lanes, coordinates, codes, shifts, reach2, found, around,
                    squares, count, numbers, hits, places, keys, who,
                )
                near = _within(places, total, own, slots, base, reach2, hits)
                close[block] = core > 0.0 and _is_close(places, hits, near, keys, own, slots, base, coordinates, core2)
                for n in range(near):
                    extra = _mark(marks, keys_of, more, extra, who[hits[n]], keys[hits[n]])
                begins[block] = at
                at = _read(marks, keys_of, more, min(extra, more.shape[0]), rows, at, end)
                ends[block] = at
        wanted[task] = at - task * room


@jit(**EXACT)
def number_images(rows, begins, ends, slots, row_of):  # type: ignore[no-untyped-def]
    """Replaces keys by rows of coordinates, in place: the slots come first, then every shifted source in use.

    Args:
        rows, begins, ends: as `search` has filled them.
        slots: number of slots.
        row_of: (codes * slots,) scratch, -1.

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
            if row_of[key] < 0:
                row_of[key] = slots + count
                images[count] = key
                count += 1
            rows[n] = row_of[key]
    return images[:count].copy()
