"""The coherent part of a displacement, estimated from the neighbours of each row.

The smoothed field at a row is the mean over its nearest neighbours in the reference, without the row itself. For
independent noise the expected share of this coherent part is zero, whatever the number of rows. Of a field that varies
within the range of the neighbours only part is recovered, a small part in many dimensions, where nearest rows are
hardly closer than others. Breathing is the coherent radial displacement, convection the coherent tangential one, with
radii relative to the centre of the cloud: on a shell neighbours are nearest in direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

Values = NDArray[np.float64]

COUNT = 12
"""Neighbours over which a field is averaged."""
TREE = 12
"""Dimensions up to which a k-d tree finds neighbours faster than computing all distances."""
_BLOCK = 512


@dataclass(frozen=True)
class Neighbours:
    """The nearest other rows of each row: indices (N, m), and weights (N, m), 0 for excluded ones."""

    indices: NDArray[np.int64]
    weights: Values

    @classmethod
    def of(cls, places: Values, count: int = COUNT) -> Self:
        """The `count` nearest, or all others if there are fewer, of rows at positions (N, D), N > 1."""
        nearest = min(count, len(places) - 1)
        indices = _by_tree(places, nearest) if places.shape[1] <= TREE else _by_distances(places, nearest)
        return cls(indices, np.ones(indices.shape))

    def rows(self, kept: NDArray[np.bool_]) -> Neighbours:
        """The neighbours of a subset of the rows; removed rows get weight 0."""
        number = np.cumsum(kept) - 1
        return Neighbours(number[self.indices[kept]], self.weights[kept] * kept[self.indices[kept]])

    def mean(self, values: Values) -> Values:
        """(N, n) weighted means of values (N, n) over the neighbours; 0 if all weights are 0."""
        total = np.zeros_like(values)
        for column, weight in zip(self.indices.T, self.weights.T, strict=True):  # all at once: m times the memory
            total += weight[:, None] * values[column]
        total /= np.maximum(self.weights.sum(axis=1, keepdims=True), 1.0)
        return total


def coherent_parts(places: Values, displacement: Values, neighbours: Neighbours) -> tuple[Values, Values]:
    """Breathing and convection (N, D) of a displacement (N, D): radial and tangential at centred positions (N, D)."""
    radii = np.linalg.norm(places, axis=1, keepdims=True)
    outwards = np.divide(places, radii, out=np.zeros_like(places), where=radii > 0)
    rise = np.sum(outwards * displacement, axis=1, keepdims=True)
    around = neighbours.mean(displacement - rise * outwards)
    around -= np.sum(outwards * around, axis=1, keepdims=True) * outwards
    return neighbours.mean(rise) * outwards, around


def _by_tree(places: Values, count: int) -> NDArray[np.int64]:
    """Excludes each row itself by index, which also handles coincident rows."""
    found = np.asarray(scipy.spatial.cKDTree(places).query(places, k=np.arange(1, count + 2))[1], np.int64)
    itself = found == np.arange(len(places))[:, None]
    itself[~itself.any(axis=1), -1] = True
    others: NDArray[np.int64] = found[~itself].reshape(len(places), count)
    return others


def _by_distances(places: Values, count: int) -> NDArray[np.int64]:
    squares = np.einsum("nd,nd->n", places, places)
    indices = np.empty((len(places), count), np.int64)
    for start in range(0, len(places), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(places)))
        distances = squares - 2.0 * places[rows] @ places.T
        distances[np.arange(len(rows)), rows] = np.inf
        indices[rows] = np.argpartition(distances, count - 1, axis=1)[:, :count]
    return indices
