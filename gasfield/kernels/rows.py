"""Rows of bits: which are equal, and counts of special numbers."""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit

Words = NDArray[np.unsignedinteger]
Indices = NDArray[np.int64]
_SALT_SEED = 20160927  # arbitrary: rows with the same fingerprint are compared bit by bit
_LOW = np.uint64(0xFFFFFFFF)


def first_equal(words: Words, rows: Indices) -> Indices:
    """For each of some rows, the first of them with the same bits.

    Two 64-bit fingerprints of every row are sorted; rows that share both are compared word by word, so that the result
    is exact for any fingerprints. They are the NH hash (Black, Halevi, Krawczyk, Krovetz and Rogaway, 1999,
    "UMAC"): two different rows share one with probability 2^-32 over its random numbers, both with 2^-64.

    Args:
        words: (N, D) uint16, uint32 or uint64, in memory or mapped, rows contiguous.
        rows: (n,) which rows.

    Returns:
        (n,) indices into `rows`; a row that equals no earlier one has its own index.
    """
    words = _narrow(words)
    width = words.shape[1]
    salt = np.random.default_rng(_SALT_SEED).integers(0, 1 << 32, (2, width + width % 2), dtype=np.uint64)
    prints = _fingerprints(words, rows, salt)
    order = np.lexsort((prints[:, 1], prints[:, 0]))
    return np.asarray(_compare(words, rows, prints, order))


def groups_of(labels: Indices) -> list[Indices]:
    """The groups of two or more with the same label: indices, ascending; large groups first, then by first index."""
    order = np.argsort(labels, kind="stable")
    bounds = np.flatnonzero(np.diff(labels[order])) + 1
    groups = [group for group in np.split(order, bounds) if len(group) > 1]
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


def _narrow(words: Words) -> Words:
    """The same bits in 32-bit words if they fit: half the work for 16-bit words, and the width of the hash."""
    fits = words.dtype.itemsize == 8 or (words.shape[1] % 2 == 0 and words.ctypes.data % 4 == 0)
    return words.view(np.uint32) if words.flags.c_contiguous and fits else words


@jit(**EXACT_PARALLEL)
def _fingerprints(words, rows, salt):  # type: ignore[no-untyped-def]
    """(n, 2) sums of (a + s)(b + t) mod 2^64 over pairs of words a, b with 32-bit sums."""
    prints = np.empty((rows.size, 2), np.uint64)
    width = words.shape[1]
    for i in prange(rows.size):
        row = words[rows[i]]
        first, second = np.uint64(0), np.uint64(0)
        for j in range(0, width - 1, 2):
            a, b = np.uint64(row[j]), np.uint64(row[j + 1])
            first += ((a + salt[0, j]) & _LOW) * ((b + salt[0, j + 1]) & _LOW)
            second += ((a + salt[1, j]) & _LOW) * ((b + salt[1, j + 1]) & _LOW)
        if width % 2:
            j = width - 1
            first += ((np.uint64(row[j]) + salt[0, j]) & _LOW) * salt[0, j + 1]
            second += ((np.uint64(row[j]) + salt[1, j]) & _LOW) * salt[1, j + 1]
        prints[i, 0], prints[i, 1] = first, second
    return prints


@jit(**EXACT)
def _compare(words, rows, prints, order):  # type: ignore[no-untyped-def]
    """(n,) indices of first equal rows: within a run of equal fingerprints, rows are compared with the first ones."""
    first = np.full(rows.size, -1, np.int64)
    start = 0
    while start < order.size:
        stop = start + 1
        while (
            stop < order.size
            and prints[order[stop], 0] == prints[order[start], 0]
            and prints[order[stop], 1] == prints[order[start], 1]
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
