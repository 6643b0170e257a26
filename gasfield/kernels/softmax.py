"""Weighted sums whose weights are exponentials, over blocks, without overflow: the running maximum is taken out.

A softmax over many terms is gathered block by block: largest exponent so far, sum of the weights and sum of the
weighted vectors, both relative to that largest exponent (Milakov and Gimelshein, 2018, arXiv 1805.02867). No weight is
above 1.
"""

from __future__ import annotations

import math

from numba import jit

from gasfield.kernels.flags import EXACT

LARGEST = 700.0
"""Of exponents: exp(709.8) is the largest number of double precision, and many of them are added."""


@jit(**EXACT)
def inner_products(vector, columns, start, stop, products):  # type: ignore[no-untyped-def]
    """Writes the products of a vector (D,) with columns[:, start:stop] of (D, M) to the beginning of `products`."""
    products[: stop - start] = 0.0
    for k in range(vector.size):
        here, there = vector[k], columns[k, start:stop]
        for b in range(there.size):
            products[b] += here * there[b]


@jit(**EXACT)
def gather(exponents, vectors, start, stop, top, norm, total):  # type: ignore[no-untyped-def]
    """Adds exp(exponent - top) times vectors[start:stop] of (M, D) to `total` (D,); returns norm + the sum of weights.

    An exponent that is no number has no weight: a particle that blew up spoils no other.
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


@jit(**EXACT)
def gather_softmax(exponents, vectors, start, stop, top, norm, total):  # type: ignore[no-untyped-def]
    """`gather` with the largest exponent so far taken out; returns it, and the norm, both to be handed on.

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
