"""The velocity of tokens under one head of attention, with its derivatives by Q, K and V.

    f_i = P V m_i,    m_i = sum_j w_ij x_j,    w_ij = softmax_j <Q x_i, K x_j>   or   exp(<Q x_i, K x_j>)/n

P is the projection onto the tangent space of a sphere at x_i, or the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Head(NamedTuple):
    """Q (r, D), K (r, D), V (D, D)."""

    query: Array
    key: Array
    value: Array

    @classmethod
    def of(cls, flat: Array, rank: int, dimensions: int) -> Self:
        """From one vector (2 r D + D^2,)."""
        first, second = rank * dimensions, 2 * rank * dimensions
        shape = (rank, dimensions)
        return cls(
            flat[:first].reshape(shape),
            flat[first:second].reshape(shape),
            flat[second:].reshape(dimensions, dimensions),
        )

    def flat(self) -> Array:
        """The inverse of `of`."""
        return np.concatenate([self.query.ravel(), self.key.ravel(), self.value.ravel()])

    @property
    def match(self) -> Array:
        """(D, D) K^T Q, which with V is all that the flow depends on."""
        return np.asarray(self.key.T @ self.query)

    def balanced(self) -> Self:
        """The same K^T Q with query and key of equal size: by its singular value decomposition."""
        left, values, right = np.linalg.svd(self.match)
        size = np.sqrt(values[: len(self.query)])[:, None]
        return type(self)(size * right[: len(self.query)], size * left.T[: len(self.query)], self.value)


@dataclass(frozen=True)
class Flow:
    """The flow at places x (t, n, D), on a sphere of a radius (0 in free space), with a softmax or without."""

    places: Array
    softmax: bool
    radius: float

    def means(self, head: Head) -> Array:
        """(t, n, D) m."""
        return np.asarray(self._weights(head)[2] @ self.places)

    def velocities(self, head: Head) -> Array:
        """(t, n, D) f."""
        return self._tangential(self.means(head) @ head.value.T)

    def jacobian(self, head: Head) -> Array:
        """(t n D, 2 r D + D^2) the derivatives of f by every parameter.

        With C_i = sum_j w_ij (x_j - m_i) x_j^T (without the softmax, m_i is left out): by Q, V C_i K^T times x_i; by K,
        Q x_i times V C_i; by V, m_i in its own row.
        """
        x = self.places
        (frames, count, d), rank = x.shape, len(head.query)
        queries, _, weights = self._weights(head)
        means = weights @ x
        spread = np.einsum("tij,tja,tjb->tiab", weights, x, x, optimize=True)
        if self.softmax:
            spread = spread - means[..., :, None] * means[..., None, :]
        turned = head.value @ spread
        columns = np.zeros((frames, count, d, 2 * rank * d + d * d))
        by_query = (turned @ head.key.T)[..., None] * x[:, :, None, None, :]
        by_key = queries[:, :, None, :, None] * turned[:, :, :, None, :]
        columns[..., : rank * d] = by_query.reshape(frames, count, d, rank * d)
        columns[..., rank * d : 2 * rank * d] = by_key.reshape(frames, count, d, rank * d)
        by_value = columns[..., 2 * rank * d :].reshape(frames, count, d, d, d)
        own = np.arange(d)
        by_value[:, :, own, own] = means[:, :, None]
        columns[..., 2 * rank * d :] = by_value.reshape(frames, count, d, d * d)
        if self.radius:
            columns -= x[..., None] * (np.einsum("tia,tiap->tip", x, columns) / self.radius**2)[:, :, None]
        return columns.reshape(frames * count * d, -1)

    def _weights(self, head: Head) -> tuple[Array, Array, Array]:
        """(t, n, r) Q x and K x, and (t, n, n) the weights."""
        queries, keys = self.places @ head.query.T, self.places @ head.key.T
        exponents = queries @ keys.transpose(0, 2, 1)
        if not self.softmax:
            return queries, keys, np.exp(exponents) / self.places.shape[1]
        weights = np.exp(exponents - exponents.max(axis=2, keepdims=True))
        return queries, keys, weights / weights.sum(axis=2, keepdims=True)

    def _tangential(self, vectors: Array) -> Array:
        if not self.radius:
            return vectors
        inward = np.sum(self.places * vectors, axis=2, keepdims=True) / self.radius**2
        return np.asarray(vectors - inward * self.places)
