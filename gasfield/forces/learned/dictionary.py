"""Functions of position beside the coordinates themselves: monomials, and radial basis functions.

They are functions of u = axes (x - centre), with axes (q, D) that scale as well, and given by a table (m, q): the
exponents of each monomial, of total degree 2 or more; or the centre of each Gaussian exp(-|u - c|^2 / 2).
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Dictionary = Literal["identity", "monomials", "radial"]


def monomials(axes: int, degree: int) -> Array:
    """(m, q) exponents of all monomials of degree 2 to `degree`, ascending."""
    rows = [
        np.bincount(factors, minlength=axes)
        for total in range(2, degree + 1)
        for factors in combinations_with_replacement(range(axes), total)
    ]
    return np.array(rows, np.float64).reshape(-1, axes)


def monomial_count(axes: int, degree: int) -> int:
    """m of `monomials`."""
    return comb(axes + degree, degree) - 1 - axes


def evaluate(kind: Dictionary, table: Array, along: Array) -> Array:
    """(M, m) the functions of a table at places u (M, q)."""
    if kind == "monomials":
        return _products(table.astype(np.int64), np.ascontiguousarray(along.T)).T
    if kind == "radial":
        squares = np.einsum("ij,ij->i", along, along)[:, None] + np.einsum("ij,ij->i", table, table)
        distances = np.maximum(squares - 2.0 * np.einsum("ik,mk->im", along, table, optimize=True), 0.0)
        return np.asarray(np.exp(-0.5 * distances))
    return np.empty((len(along), 0))


def _products(exponents: NDArray[np.int64], along: Array) -> Array:
    """(m, M) monomials of coordinates (q, M): each is one of lower degree times a coordinate, if that is in the table;
    else a product of powers."""
    found = np.empty((len(exponents), along.shape[1]))
    known: dict[tuple[int, ...], int] = {}
    for number, powers in enumerate(exponents):
        last = int(np.flatnonzero(powers)[-1]) if powers.any() else 0
        lower = powers.copy()
        lower[last] -= 1
        parent = known.get(tuple(lower.tolist()))
        if parent is not None:
            np.multiply(found[parent], along[last], out=found[number])
        else:
            np.prod([along[j] ** powers[j] for j in np.flatnonzero(powers)] or [np.ones(along.shape[1])], axis=0,
                    out=found[number])  # fmt: skip
        known[tuple(powers.tolist())] = number
    return found
