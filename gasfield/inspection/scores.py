"""Scores that may separate some rows from the rest: norm, distance, cosine, nearest row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gasfield.embedding import Indices, Matrix, Values

_MOST_PRODUCTS = 3e11
"""Largest number of multiplications for the nearest rows."""


def scores(
    matrix: Matrix, rows: Indices, given: NDArray[np.bool_], norms: Values, twins: Indices, notes: list[str]
) -> Iterator[tuple[str, Values]]:
    """Scores (n,) of the rows by name: `norm`; `distance` from and `cosine` with the centroid of the rest; `nearest`,
    the distance to the nearest other row.

    The rest are the rows that were not given, without the row itself: including a row in its own centroid would bias
    its distance towards smaller values.

    Args:
        matrix: the embedding.
        rows: (n,) ids of finite rows.
        given: (n,) mask of the given rows.
        norms: (n,) their norms.
        twins: indices of rows with an identical other row.
        notes: list to which notes on omitted scores are appended.
    """
    yield "norm", norms
    rest = np.zeros(matrix.dimensions)
    for place, x in matrix.blocks(rows):
        rest += (~given[place]).astype(np.float64) @ x
    n = int(np.sum(~given))
    distances, cosines = np.empty(len(rows)), np.empty(len(rows))
    for place, x in matrix.blocks(rows):
        own = (~given[place])[:, None]
        others = (rest - np.where(own, x, 0.0)) / np.maximum(n - own, 1)
        distances[place] = np.linalg.norm(x - others, axis=1)
        lengths = norms[place] * np.linalg.norm(others, axis=1)
        cosines[place] = np.divide(np.sum(x * others, axis=1), lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    yield "distance", distances
    yield "cosine", cosines
    if len(rows) ** 2 * max(matrix.dimensions, 64) > _MOST_PRODUCTS:
        notes.append("separation.nearest: not computed, because there are too many pairs of rows")
    elif len(rows) > 1:
        yield "nearest", _nearest(matrix, rows, twins)


def _nearest(matrix: Matrix, rows: Indices, twins: Indices) -> Values:
    """(n,) distance of each row to the nearest other row; exactly 0 for `twins`."""
    centroid = sum((x.sum(axis=0) for _, x in matrix.blocks(rows)), np.zeros(matrix.dimensions)) / len(rows)
    nearest = np.full(len(rows), np.inf)
    for place, x in matrix.blocks(rows):
        a = x - centroid
        squares = np.sum(a * a, axis=1)
        for other, z in matrix.blocks(rows):
            b = z - centroid
            apart = a @ (-2.0 * b.T)
            apart += squares[:, None]
            apart += np.sum(b * b, axis=1)
            own = np.arange(place.start, place.stop)[:, None] == np.arange(other.start, other.stop)
            apart[own] = np.inf
            nearest[place] = np.minimum(nearest[place], apart.min(axis=1))
    lengths: Values = np.sqrt(np.maximum(nearest, 0.0))
    lengths[twins] = 0.0
    return lengths
