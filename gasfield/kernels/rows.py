"""Rows of bits: which are equal, and counts of special numbers."""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit

Words = NDArray[np.unsignedinteger]
Indices = NDArray[np.int64]
Fingerprints = NDArray[np.uint64]
_SALT_SEED = 20160927  # arbitrary: rows with the same fingerprints are compared bit by bit
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_COPIED_BYTES = 1 << 22
"""Size of a block of rows that is copied because its rows are not whole aligned 64-bit words."""


def first_equal(words: Words, rows: Indices) -> Indices:
    """For each of some rows, the first of them with the same bits.

    Rows that share two 64-bit fingerprints are compared word by word, so that the result is exact for any fingerprints.
    These are multiply-shift hashes of pairs (Dietzfelbinger, 1996; Black et al., 1999, "UMAC", the NH hash): with
    random numbers s, the sum of (low half)(high half) of x + s over the 64-bit words x of a row. Two different rows
    share one with probability 2^-31 at most, both with 2^-62. One pass reads the matrix once, at the speed of memory.

    Args:
        words: (N, D) uint16, uint32 or uint64, in memory or mapped, rows contiguous.
        rows: (n,) which rows.

    Returns:
        (n,) indices into `rows`; a row that equals no earlier one has its own index.
    """
    prints = _fingerprints(words, rows)
    return np.asarray(_compare(words, rows, prints, _in_runs(prints)))


def groups_of(labels: Indices) -> list[Indices]:
    """The groups of two or more with the same label (from 0 to n - 1): indices, ascending; large groups first, then by
    first index."""
    shared = np.flatnonzero((np.bincount(labels) > 1)[labels])
    order = shared[np.argsort(labels[shared], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(order) else []
    return sorted(groups, key=lambda group: (-len(group), int(group[0])))


def count_marks(words: Words, fraction_bits: int, largest: int) -> NDArray[np.int64]:
    """Counts of zeros, powers of two and too large numbers in each row.

    Args:
        words: (N, D) bits of floating-point numbers.
        fraction_bits: stored bits of the significand.
        largest: bits of the largest positive number that is not too large; infinities and NaN always are.

    Returns:
        (N, 3): zeros (+0 or -0); numbers +-2^k, including subnormal ones; numbers that are too large, or NaN.
    """
    kind = words.dtype.type
    magnitude = kind((1 << (8 * words.dtype.itemsize - 1)) - 1)
    return np.asarray(_marks(words, magnitude, kind((1 << fraction_bits) - 1), kind(largest)))


def _fingerprints(words: Words, rows: Indices) -> Fingerprints:
    """(2, n) of the rows; those that are not whole aligned 64-bit words are copied, padded with zeros, by blocks."""
    row_bytes = words.shape[1] * words.dtype.itemsize
    width = -(-row_bytes // 8)
    salt = np.random.default_rng(_SALT_SEED).integers(0, 1 << 64, (2, width), dtype=np.uint64)
    if words.flags.c_contiguous and row_bytes % 8 == 0 and words.ctypes.data % 8 == 0:
        return np.asarray(_hash(words.view(np.uint64), rows, salt))
    prints = np.empty((2, rows.size), np.uint64)
    block = np.zeros((max(1, _COPIED_BYTES // (8 * width)), width), np.uint64)
    for start in range(0, rows.size, len(block)):
        taken = rows[start : start + len(block)]
        block.view(words.dtype)[: taken.size, : words.shape[1]] = words[taken]
        prints[:, start : start + taken.size] = _hash(block, np.arange(taken.size), salt)
    return prints


def _in_runs(prints: Fingerprints) -> Indices:
    """The rows that share both fingerprints with another one: sorted by both, then by index."""
    order = np.argsort(prints[0])
    repeats = np.diff(prints[0, order]) == 0
    shared = np.zeros(len(order), bool)
    shared[1:] |= repeats
    shared[:-1] |= repeats
    some = np.sort(order[shared])
    return some[np.lexsort((prints[1, some], prints[0, some]))]


@jit(**EXACT_PARALLEL)
def _hash(words, rows, salt):  # type: ignore[no-untyped-def]
    """(2, n) sums modulo 2^64 of (low half)(high half) of word + salt; the salts are (2, number of words)."""
    prints = np.empty((2, rows.size), np.uint64)
    for i in prange(rows.size):
        row = words[rows[i]]
        first, second = np.uint64(0), np.uint64(0)
        for j in range(row.size):
            a, b = row[j] + salt[0, j], row[j] + salt[1, j]
            first += (a & _LOW) * (a >> _HALF)
            second += (b & _LOW) * (b >> _HALF)
        prints[0, i], prints[1, i] = first, second
    return prints


@jit(**EXACT)
def _compare(words, rows, prints, order):  # type: ignore[no-untyped-def]
    """(n,) indices of first equal rows: within a run of equal fingerprints, rows are compared with the first ones.

    Args:
        prints: (2, n).
        order: indices into `rows` of those that may equal another one, in runs of equal fingerprints, ascending.
    """
    first = np.arange(rows.size)
    first[order] = -1
    start = 0
    while start < order.size:
        stop = start + 1
        while (
            stop < order.size
            and prints[0, order[stop]] == prints[0, order[start]]
            and prints[1, order[stop]] == prints[1, order[start]]
        ):
            stop += 1
        for lead in range(start, stop):
            leader = order[lead]
            if first[leader] >= 0:
                continue
            first[leader] = leader
            for other in range(lead + 1, stop):
                candidate = order[other]
                if first[candidate] < 0 and _same(words[rows[leader]], words[rows[candidate]]):
                    first[candidate] = leader
        start = stop
    return first


@jit(**EXACT, forceinline=True)
def _same(a, b):  # type: ignore[no-untyped-def]
    for j in range(a.size):  # noqa: SIM110 (as Numba compiles it fast)
        if a[j] != b[j]:
            return False
    return True


@jit(**EXACT_PARALLEL)
def _marks(words, magnitude, fraction, largest):  # type: ignore[no-untyped-def]
    marks = np.zeros((words.shape[0], 3), np.int64)
    for i in prange(words.shape[0]):
        row = words[i]
        zeros, powers, beyond = 0, 0, 0
        for j in range(row.size):
            size = row[j] & magnitude
            part = size & fraction
            zeros += size == 0
            # A normal power of two has a zero fraction; a subnormal one has a single bit set.
            powers += (part == 0 and size != 0) or (part == size and size != 0 and (size & (size - 1)) == 0)
            beyond += size > largest
        marks[i, 0], marks[i, 1], marks[i, 2] = zeros, powers, beyond
    return marks
