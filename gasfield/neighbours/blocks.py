"""Blocks of near particles: halving the gas again and again along its longest side (a balanced k-d tree).

Every block but the last has as many particles as a register has lanes, whatever the density; boxes of the nodes of the
tree let a search skip all blocks that are too far away. Particles are given by their places (N, D).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gasfield.kernels.flags import EXACT, IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.threads import side_by_side

_SERIAL_BLOCKS = 64
"""Blocks below which a subtree is one task."""


@jit(**IN_PLACE)
def node_count(blocks):  # type: ignore[no-untyped-def]
    """Nodes of the tree over so many blocks, numbered as a heap: the children of node i are 2 i + 1 and 2 i + 2."""
    depth = 0
    while (1 << depth) < blocks:
        depth += 1
    return (2 << depth) - 1


@jit(**IN_PLACE)
def left_blocks(blocks):  # type: ignore[no-untyped-def]
    """How many of the blocks of a node belong to its first child."""
    return blocks // 2


@jit(**IN_PLACE)
def _longest_side(places, order, begin, end):  # type: ignore[no-untyped-def]
    widest, axis = -1.0, 0
    for k in range(places.shape[1]):
        low = high = places[order[begin], k]
        for n in range(begin + 1, end):
            x = places[order[n], k]
            low, high = min(low, x), max(high, x)
        if high - low > widest:
            widest, axis = high - low, k
    return axis


@jit(**IN_PLACE)
def halve(places, order, begin, middle, end, axis):  # type: ignore[no-untyped-def]
    """Reorders so that none of [begin, middle) is beyond any of [middle, end) along an axis (quickselect; Hoare,
    1961)."""
    low, high = begin, end - 1
    while low < high:
        pivot = places[order[(low + high) >> 1], axis]
        i, j = low, high
        while i <= j:
            while places[order[i], axis] < pivot:
                i += 1
            while places[order[j], axis] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@jit(**EXACT)
def _split(places, order, lanes, first, blocks):  # type: ignore[no-untyped-def]
    """Orders the particles of a node with some blocks, from block `first` on, down to single blocks."""
    stack = np.empty((64, 2), np.int64)
    stack[0, 0], stack[0, 1] = first, blocks
    top = 1
    while top:
        top -= 1
        first, blocks = stack[top, 0], stack[top, 1]
        begin, end = first * lanes, min((first + blocks) * lanes, order.size)
        if blocks == 1:
            order[begin:end].sort()
            continue
        left = left_blocks(blocks)
        halve(places, order, begin, (first + left) * lanes, end, _longest_side(places, order, begin, end))
        stack[top, 0], stack[top, 1] = first, left
        stack[top + 1, 0], stack[top + 1, 1] = first + left, blocks - left
        top += 2


@jit(**IN_PLACE)
def upper_levels(places, order, lanes, firsts, counts):  # type: ignore[no-untyped-def]
    """Orders particles down to subtrees that are tasks: writes the first block and the number of blocks of each,
    (tasks,), zero for nodes above them; returns their number."""
    total = (order.size + lanes - 1) // lanes
    firsts[0], counts[0] = 0, total
    tasks, at = 1, 0
    while at < tasks:
        first, blocks = firsts[at], counts[at]
        if blocks > _SERIAL_BLOCKS and blocks * 8 > total:
            left = left_blocks(blocks)
            begin, end = first * lanes, min((first + blocks) * lanes, order.size)
            halve(places, order, begin, (first + left) * lanes, end, _longest_side(places, order, begin, end))
            firsts[tasks], counts[tasks] = first, left
            firsts[tasks + 1], counts[tasks + 1] = first + left, blocks - left
            tasks += 2
            counts[at] = 0
        at += 1
    return tasks


@jit(**EXACT)
def lower_levels(places, order, lanes, firsts, counts, tasks, thread, threads):  # type: ignore[no-untyped-def]
    """Orders the particles of the subtrees of one thread down to blocks."""
    for task in range(thread, tasks, threads):
        if counts[task] > 0:
            _split(places, order, lanes, firsts[task], counts[task])


def partition(places: Any, order: Any, lanes: int, threads: int | None = None) -> None:
    """Orders particles, in place, so that each run of so many lanes is a block; within a block by their number.

    Args:
        places: (N, D).
        order: (N,) numbers of the particles, in any order.
        lanes: particles in a block.
        threads: as many as Numba has if left out.
    """
    firsts, counts = np.empty(64, np.int64), np.empty(64, np.int64)
    tasks = upper_levels(places, order, lanes, firsts, counts)
    side_by_side(
        lambda thread, threads: lower_levels(places, order, lanes, firsts, counts, tasks, thread, threads), threads
    )


@jit(**EXACT)
def boxes_of_nodes(places, order, lanes, boxes, leaves, nodes):  # type: ignore[no-untyped-def]
    """Smallest boxes (nodes, 2 D) of the particles of every node: low sides, high sides.

    Args:
        places: (N, D).
        order: (N,) as `partition` has left it.
        lanes: particles in a block.
        boxes: receives the boxes.
        leaves: (nodes,) receives the block of a node that is one, else -1.
        nodes: (blocks,) receives the node of each block.
    """
    total = (order.size + lanes - 1) // lanes
    dimensions = places.shape[1]
    stack = np.empty((128, 4), np.int64)
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 0, 0, total, 0
    top = 1
    while top:
        top -= 1
        node, first, blocks, done = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
        if blocks == 1:
            leaves[node], nodes[first] = first, node
            for k in range(dimensions):
                low, high = np.inf, -np.inf
                for n in range(first * lanes, min((first + 1) * lanes, order.size)):
                    x = places[order[n], k]
                    low, high = min(low, x), max(high, x)
                boxes[node, k], boxes[node, dimensions + k] = low, high
            continue
        leaves[node] = -1
        one, other = 2 * node + 1, 2 * node + 2
        if done:
            for k in range(dimensions):
                boxes[node, k] = min(boxes[one, k], boxes[other, k])
                k += dimensions
                boxes[node, k] = max(boxes[one, k], boxes[other, k])
            continue
        left = left_blocks(blocks)
        stack[top, 3] = 1
        stack[top + 1, 0], stack[top + 1, 1], stack[top + 1, 2], stack[top + 1, 3] = one, first, left, 0
        stack[top + 2, 0], stack[top + 2, 1], stack[top + 2, 2], stack[top + 2, 3] = (
            other,
            first + left,
            blocks - left,
            0,
        )
        top += 3
