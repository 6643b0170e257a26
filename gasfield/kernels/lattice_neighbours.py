"""Chains of neighbours on a floating-point lattice of 16 bits: rows that differ by few cells in every coordinate.

All pairs of 150,000 rows are too many to compare. The rows are recursively divided at a threshold t of one coordinate:
those with a key of at most t + k to one side, those above t to the other. Two rows within k cells of each other share a
side of every cut, hence a final piece, and small pieces are compared pair by pair: the result is exact for any cuts. A
cut is good if few rows belong to both sides; keys are dense near zero, and cuts there duplicate almost no rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, IN_PLACE
from gasfield.kernels.jit import jit

Indices = NDArray[np.int64]
_PIECE = 128
"""Rows that are compared pair by pair without another cut."""
_PILOTS = 32
"""Coordinates stored contiguously for cuts and first comparisons."""
_SAMPLE = 1024
"""Rows from which the pilots are chosen."""
_PROBES = 64
"""Rows of a piece that are sampled to choose a cut."""
_STRIDE = 64
"""Coordinates compared between two checks of the largest difference."""


def neighbour_labels(words: NDArray[np.uint16], rows: Indices, cells: int) -> Indices:
    """Components of the graph that joins two rows if no coordinate differs by more than `cells` (Linf).

    Args:
        words: (N, D) bits of numbers, a sign and a magnitude that counts cells from zero, none of them NaN.
        rows: (n,) which rows; duplicates are best left out.
        cells: distance k >= 0 in cells of the lattice; +0 and -0 share a cell.

    Returns:
        (n,) the first place in `rows` of each row's component.
    """
    if not len(rows):
        return np.empty(0, np.int64)
    sample = _keys(words[rows[:: max(1, len(rows) // _SAMPLE)]])
    spread = np.subtract(*np.quantile(sample, (0.75, 0.25), axis=0, method="nearest").astype(np.int64))
    pilots = np.argsort(-spread, kind="stable")[:_PILOTS]
    return np.asarray(_join(words, rows, _pack(words, rows, pilots), cells))


def _keys(words: NDArray[np.uint16]) -> NDArray[np.int32]:
    """As `bfloat16.keys`, from the bits."""
    magnitudes = (words & np.uint16(0x7FFF)).astype(np.int32)
    return np.asarray(np.where(words & np.uint16(0x8000), -magnitudes, magnitudes))


@jit(**IN_PLACE, forceinline=True)
def _key(word):  # type: ignore[no-untyped-def]
    magnitude = np.int32(word & 0x7FFF)
    return -magnitude if word & 0x8000 else magnitude


@jit(**EXACT)
def _pack(words, rows, columns):  # type: ignore[no-untyped-def]
    """(n, p) keys of some coordinates of some rows."""
    packed = np.empty((rows.size, columns.size), np.int16)
    for i in range(rows.size):
        for j in range(columns.size):
            packed[i, j] = _key(words[rows[i], columns[j]])
    return packed


@jit(**EXACT)
def _join(words, rows, pilots, cells):  # type: ignore[no-untyped-def]
    """Cuts recursively; a stack holds the pieces that are still to be cut or compared."""
    count = rows.size
    parent = np.arange(count)
    stack = np.empty(4 * count + 16, np.int64)
    stack[:count] = np.arange(count)
    starts = [0]
    top = count
    while len(starts):
        start = starts.pop()
        piece = stack[start:top].copy()
        top = start
        lower, upper = np.empty(0, np.int64), np.empty(0, np.int64)
        if piece.size > _PIECE:
            lower, upper = _cut(words, rows, pilots, piece, cells)
        if not lower.size:
            _compare(words, rows, pilots, piece, cells, parent)
            continue
        needed = top + lower.size + upper.size
        if needed > stack.size:
            larger = np.empty(2 * needed, np.int64)
            larger[:top] = stack[:top]
            stack = larger
        for part in (upper, lower):
            starts.append(top)
            stack[top : top + part.size] = part
            top += part.size
    for i in range(count):
        parent[i] = _root(parent, i)
    return parent


@jit(**EXACT)
def _cut(words, rows, pilots, piece, cells):  # type: ignore[no-untyped-def]
    """The two sides of the cheapest cut found; both empty if none saves a tenth of the comparisons.

    A cut is chosen from a sample of the piece, first among the pilots, then among all coordinates.
    """
    probes = np.empty(_PROBES, np.int64)
    for i in range(_PROBES):
        probes[i] = piece[i * piece.size // _PROBES]
    for stage in range(2):
        coordinates = pilots.shape[1] if stage == 0 else words.shape[1]
        best, column, threshold = 0.75 * _PROBES * _PROBES, -1, 0
        values = np.empty(_PROBES, np.int32)
        for j in range(coordinates):
            for i in range(_PROBES):
                values[i] = pilots[probes[i], j] if stage == 0 else _key(words[rows[probes[i]], j])
            values.sort()
            above, below = 0, 0  # of the probes: how many are <= t, and how many <= t + k
            while above < _PROBES:
                t = values[above]
                while above < _PROBES and values[above] <= t:
                    above += 1
                while below < _PROBES and values[below] <= t + cells:
                    below += 1
                cost = float(below) * below + float(_PROBES - above) * (_PROBES - above)
                if cost < best:
                    best, column, threshold = cost, j, t
        if column < 0:
            continue
        lower, upper = np.empty(piece.size, np.int64), np.empty(piece.size, np.int64)
        n_lower, n_upper = 0, 0
        for row in piece:
            key = np.int32(pilots[row, column]) if stage == 0 else _key(words[rows[row], column])
            if key <= threshold + cells:
                lower[n_lower] = row
                n_lower += 1
            if key > threshold:
                upper[n_upper] = row
                n_upper += 1
        if float(n_lower) * n_lower + float(n_upper) * n_upper <= 0.9 * piece.size * piece.size:
            return lower[:n_lower].copy(), upper[:n_upper].copy()
    return np.empty(0, np.int64), np.empty(0, np.int64)


@jit(**EXACT)
def _compare(words, rows, pilots, piece, cells, parent):  # type: ignore[no-untyped-def]
    """Joins near rows of a piece, one component at a time.

    Each row of a component is compared with those that are not yet in one, so that a dense piece, in which the first
    row is near most others, needs few comparisons.
    """
    waiting = piece.copy()
    left = waiting.size
    queue = np.empty(waiting.size, np.int64)
    while left:
        left -= 1
        queue[0] = waiting[left]
        done, known = 0, 1
        while done < known:
            row = queue[done]
            done += 1
            j = 0
            while j < left:
                other = waiting[j]
                if _near(pilots, row, other, cells) and _near_everywhere(words[rows[row]], words[rows[other]], cells):
                    _unite(parent, row, other)
                    queue[known] = other
                    known += 1
                    left -= 1
                    waiting[j] = waiting[left]
                else:
                    j += 1


@jit(**IN_PLACE, forceinline=True)
def _near(pilots, a, b, cells):  # type: ignore[no-untyped-def]
    for j in range(pilots.shape[1]):  # noqa: SIM110 (as Numba compiles it fast)
        if abs(np.int32(pilots[a, j]) - np.int32(pilots[b, j])) > cells:
            return False
    return True


@jit(**IN_PLACE, forceinline=True)
def _near_everywhere(a, b, cells):  # type: ignore[no-untyped-def]
    for start in range(0, a.size, _STRIDE):
        largest = np.int32(0)
        for j in range(start, min(start + _STRIDE, a.size)):
            largest = max(largest, np.int32(abs(_key(a[j]) - _key(b[j]))))
        if largest > cells:
            return False
    return True


@jit(**IN_PLACE, forceinline=True)
def _root(parent, i):  # type: ignore[no-untyped-def]
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@jit(**IN_PLACE, forceinline=True)
def _unite(parent, i, j):  # type: ignore[no-untyped-def]
    """The root of a component is its first row."""
    i, j = _root(parent, i), _root(parent, j)
    parent[max(i, j)] = min(i, j)
