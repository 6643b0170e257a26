"""Local linear maps: the deformation at each particle, from its neighbours in the reference.

For particle i with neighbours j, b_ij = a_j - a_i in the frame of the reference (k numbers) and d_ij = y_j - y_i later
(D numbers), F_i minimises sum_j |d_ij - F_i b_ij|^2. With the neighbours of a square lattice these are the central
differences from which Shadden, Lekien and Marsden (Physica D 212:271, 2005) compute the finite-time Lyapunov exponent;
their error is of second order in the spacing, and of first order at the edges of the lattice.

F_i^T is linear in the later positions, so that the maps of all particles are one sparse matrix times the positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

Values = NDArray[np.float64]
Around = list[NDArray[np.int64]]
"""The neighbours of each particle, ascending."""

_THIN = 0.1
"""Ratio of smallest to largest eigenvalue of the Gram matrix of the bonds, below which neighbours are nearly in line:
across it differences are those of its curvature, not of the flow. It is .07 for two neighbours on a ring of twelve."""


def shell(bonds: NDArray[np.int64], count: int, distance: int) -> Around:
    """The particles within one or two bonds (`distance`) of each of `count` particles."""
    pairs = np.concatenate([bonds, bonds[:, ::-1]]) if len(bonds) else np.empty((0, 2), np.int64)
    near = scipy.sparse.coo_array(
        (np.ones(len(pairs), np.int64), (pairs[:, 0], pairs[:, 1])), shape=(count, count)
    ).tocsr()
    reach = near if distance == 1 else (near + near @ near).tocsr()
    rows = [reach.indices[reach.indptr[i] : reach.indptr[i + 1]].astype(np.int64) for i in range(count)]
    return [np.unique(row[row != i]) for i, row in enumerate(rows)]


@dataclass(frozen=True)
class LocalMaps:
    """Local maps of M particles with k coordinates in the reference.

    Attributes:
        rows: (m,) the particles whose neighbours span the k dimensions.
        axes: k.
        gradient: (m k, M) sparse: positions (M, D) -> F_i^T of all rows.
    """

    rows: NDArray[np.int64]
    axes: int
    gradient: scipy.sparse.csr_array

    @classmethod
    def of(cls, coordinates: Values, *shells: Around) -> Self:
        """From coordinates (M, k), each with the first of the shells whose particles span the k dimensions."""
        (count, k), rows = coordinates.shape, []
        weights: list[tuple[Values, NDArray[np.int64]]] = []
        for i in range(count if k else 0):
            for near in (around[i] for around in shells):
                bonds = coordinates[near] - coordinates[i]
                gram = bonds.T @ bonds
                spread = np.linalg.eigvalsh(gram)
                if spread[0] > _THIN * spread[-1]:
                    rows.append(i)
                    own = np.linalg.solve(gram, bonds.T)
                    weights.append((np.column_stack([own, -own.sum(axis=1)]), np.append(near, i)))
                    break
        return cls(np.array(rows, np.int64), k, _stacked(weights, k, count))

    def at(self, later: Values) -> Values:
        """F_i (m, D, k) at later positions (M, D)."""
        transposed = self.gradient @ (later - later.mean(axis=0))
        return np.asarray(transposed.reshape(len(self.rows), self.axes, later.shape[1]).transpose(0, 2, 1), np.float64)


def _stacked(weights: list[tuple[Values, NDArray[np.int64]]], k: int, count: int) -> scipy.sparse.csr_array:
    """One matrix (m k, count) of weights (k, n) of n particles for each of m rows."""
    if not weights:
        return scipy.sparse.csr_array((0, count))
    columns = np.concatenate([np.tile(place, k) for _, place in weights])
    lines = np.repeat(np.arange(len(weights) * k), np.repeat([len(place) for _, place in weights], k))
    values = np.concatenate([own.ravel() for own, _ in weights])
    return scipy.sparse.csr_array(scipy.sparse.coo_array((values, (lines, columns)), shape=(len(weights) * k, count)))
