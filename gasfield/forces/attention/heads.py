"""The heads of attention in the form that the blocked kernels take."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.base import Array
from gasfield.kernels.tile import ROWS

Precision = Literal["float64", "float32"]


class HeadArrays(NamedTuple):
    """The matrices of a head; None for the identity.

    Attributes:
        query: Q (H, D); None only if `key` is.
        key: K (H, D).
        value: V (D, D).
    """

    query: Array | None = None
    key: Array | None = None
    value: Array | None = None

    @property
    def plain(self) -> bool:
        """Whether all of them are the identity."""
        return self.query is None and self.key is None and self.value is None

    def packed(self, beta: float, precision: Precision) -> PackedHead:
        """The head with scores beta s_ij / ln 2.

        A key of fewer rows than columns is applied to the sources, which shortens the products; another one is made a
        part of the query.
        """
        per_bit, query, key = beta / math.log(2.0), self.query, self.key
        if query is not None and key is not None:
            query, key = (per_bit * query, key) if len(key) < key.shape[1] else (per_bit * (key.T @ query), None)
        real = np.dtype(precision)
        return PackedHead(packed(query, real), real.type(per_bit), packed(key, real), packed(self.value, real))


class PackedHead(NamedTuple):
    """A head, as `kernels.attention.attend` takes it: matrices packed by `packed`, which are empty for the identity.

    Attributes:
        matrix: (K / 8, D, 8), by which a query is multiplied.
        scale: by which it is multiplied if `matrix` is empty.
        key: (K / 8, D, 8), by which a source is multiplied.
        value: (D / 8, D, 8), by which a mean is multiplied.
    """

    matrix: NDArray[Any]
    scale: Any
    key: NDArray[Any]
    value: NDArray[Any]


def packed(matrix: Array | None, real: np.dtype[Any]) -> NDArray[Any]:
    """A matrix (E, D) as (E / 8, D, 8), padded with zeros; empty if it is None."""
    if matrix is None:
        return np.empty((0, 0, ROWS), real)
    rows, columns = matrix.shape
    groups = np.zeros((-(-rows // ROWS), ROWS, columns), real)
    groups.reshape(-1, columns)[:rows] = matrix
    return np.ascontiguousarray(groups.transpose(0, 2, 1))
