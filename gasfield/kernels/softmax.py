"""Sums with exponential weights, over blocks, without overflow: exponents are relative to the running maximum.

An online softmax accumulates block by block: the largest exponent so far, and the sums of the weights and of the
weighted vectors relative to it (Milakov and Gimelshein, 2018, arXiv 1805.02867). Weights do not exceed 1.
"""

from __future__ import annotations

import math

from gasfield.kernels.flags import IN_PLACE
from gasfield.kernels.jit import jit

LARGEST = 700.0
"""Largest exponent: exp(709.8) is the largest number of double precision, and many are added."""


@jit(**IN_PLACE)
def inner_products(vector, columns, start, stop, products):  # type: ignore[no-untyped-def]
    """Writes the products of a vector (D,) with columns[:, start:stop] of (D, M) to the beginning of `products`."""
    products[: stop - start] = 0.0
    for k in range(vector.size):
        here, there = vector[k], columns[k, start:stop]
        for b in range(there.size):
            products[b] += here * there[b]


@jit(**IN_PLACE)
def gather(exponents, vectors, start, stop, top, norm, total):  # type: ignore[no-untyped-def]
    """Adds exp(exponent - top) times vectors[start:stop] of (M, D) to `total` (D,); returns norm + the sum of weights.

    A NaN exponent has zero weight, so that a non-finite particle does not affect the others.
    """
    for b in range(stop - start):
        weight = math.exp(exponents[b] - top)
        if weight != weight:
            continue
        norm += weight
        vector = vectors[start + b]
        for k in range(total.size):
            total[k] += weight * vector[k]
    return norm


@jit(**IN_PLACE)
def gather_softmax(exponents, vectors, start, stop, top, norm, total):  # type: ignore[no-untyped-def]
    """`gather` relative to the largest exponent so far; returns it and the norm, the arguments of the next call.

    Starts with top = -infinity, norm = 0, total = 0; at the end total / norm is the mean.
    """
    highest = top
    for b in range(stop - start):
        if exponents[b] > highest:
            highest = exponents[b]
    if highest == -math.inf:
        return top, norm
    if highest > top:
        fade = math.exp(top - highest)
        norm *= fade
        for k in range(total.size):
            total[k] *= fade
    return highest, gather(exponents, vectors, start, stop, highest, norm, total)
