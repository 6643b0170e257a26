"""Nearest rows of an embedding, exactly, and the graph that they make.

Distances come from products of blocks, |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, which cancel where rows are close to each
other. So a few more candidates are kept than needed, and ranked by differences of the rows themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from gasfield.errors import InputError

Rows = NDArray[np.floating]
Indices = NDArray[np.int64]
_QUERIES, _CANDIDATES = 512, 4096
"""Rows of the blocks whose products are taken: 16 MiB of distances at once."""
_SPARE = 8
"""Candidates beyond the number wanted whose distances are computed again."""


def nearest_rows(matrix: Rows, count: int, queries: Indices | None = None) -> Indices:
    """(m, count) the nearest other rows of each query row, in Euclidean distance, the nearest first.

    Memory is that of a few blocks beside the matrix, whatever its length. Rows at equal distances are in the order of
    their indices, also those at distance 0, unless more than eight rows tie with the last one.

    Args:
        matrix: (N, D).
        count: how many for each, 1 <= count < N.
        queries: (m,) rows; all of them if left out.

    Raises:
        InputError: if there are not as many other rows, or a number is not finite.
    """
    size = len(matrix)
    if not 1 <= count < size:
        raise InputError(f"{count} neighbours of each of {size} rows; there are 1 to {size - 1}.", parameter="count")
    if not all(np.isfinite(matrix[a : a + _CANDIDATES]).all() for a in range(0, size, _CANDIDATES)):
        raise InputError("the embedding has numbers that are not finite.")
    wanted = np.arange(size) if queries is None else np.asarray(queries, np.int64)
    found = np.empty((len(wanted), count), np.int64)
    for start in range(0, len(wanted), _QUERIES):
        rows = wanted[start : start + _QUERIES]
        found[start : start + len(rows)] = _ranked(matrix, rows, _candidates(matrix, rows, count + _SPARE), count)
    return found


def _candidates(matrix: Rows, rows: Indices, keep: int) -> Indices:
    """(n, k) other rows among which the nearest are, block by block; k = min(keep, N - 1)."""
    own = matrix[rows].astype(np.float64)
    best, ids = np.empty((len(rows), 0)), np.empty((len(rows), 0), np.int64)
    for start in range(0, len(matrix), _CANDIDATES):
        block = matrix[start : start + _CANDIDATES].astype(np.float64)
        squares = np.einsum("jd,jd->j", block, block) - 2.0 * own @ block.T  # |a|^2 is the same for all
        itself = (rows >= start) & (rows < start + len(block))
        squares[np.flatnonzero(itself), rows[itself] - start] = np.inf
        best = np.concatenate([best, squares], axis=1)
        ids = np.concatenate([ids, np.broadcast_to(start + np.arange(len(block)), squares.shape)], axis=1)
        if best.shape[1] > keep:
            chosen = np.argpartition(best, keep - 1, axis=1)[:, :keep]
            best, ids = np.take_along_axis(best, chosen, axis=1), np.take_along_axis(ids, chosen, axis=1)
    return ids[:, :keep]


def _ranked(matrix: Rows, rows: Indices, candidates: Indices, count: int) -> Indices:
    """(n, count) the nearest of candidates (n, k) of rows (n,), by exact differences."""
    found = np.empty((len(rows), count), np.int64)
    for n, (row, others) in enumerate(zip(rows, candidates, strict=True)):
        apart = matrix[others].astype(np.float64) - matrix[row].astype(np.float64)
        squares = np.einsum("jd,jd->j", apart, apart)
        squares[others == row] = np.inf
        found[n] = others[np.lexsort((others, squares))[:count]]
    return found


def neighbour_graph(neighbours: Indices) -> csr_array:
    """The symmetric graph (N, N) in which i and j are joined if one is among the neighbours (N, k) of the other.

    Degrees differ: a row that is near many others, a hub, has more than k.
    """
    count, each = neighbours.shape
    ends = np.repeat(np.arange(count), each), neighbours.ravel()
    ones = np.ones(count * each, bool)
    directed = csr_array((ones, ends), shape=(count, count))
    joined = csr_array(directed + directed.T)
    joined.sort_indices()
    return joined


def main_component(graph: csr_array, weights: NDArray[np.float64]) -> Indices:
    """The nodes, ascending, of the connected component with the largest sum of weights (N,)."""
    _, label = connected_components(graph, directed=False)
    return np.flatnonzero(label == np.argmax(np.bincount(label, weights)))
