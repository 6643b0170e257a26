"""Scalar features psi_k(y) of which the energy of a learned field is a sum: random Fourier features and Gaussians.

Fourier features cos(w_k . y + b_k), w_k ~ N(0, 1/s^2) and b_k uniform, span smooth functions of length scale s (Rahimi
and Recht, 2007); Gaussians exp(-|y - c_k|^2/(2 s^2)) stand at places of the sample. Both are bounded, and so is any sum
of them: far away only the affine part of a field is left.

Products are summed by einsum, so that the bits of a row depend neither on the number of rows nor on threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from gasfield.forces.base import Array


class Features(ABC):
    """K functions of a place y (D,)."""

    @property
    @abstractmethod
    def count(self) -> int:
        """K."""

    @abstractmethod
    def values(self, y: Array) -> Array:
        """(N, K) psi_k at places (N, D)."""

    @abstractmethod
    def force(self, y: Array, amplitudes: Array) -> Array:
        """(N, D) -grad of sum_k a_k psi_k."""

    @abstractmethod
    def laplacian(self, y: Array, amplitudes: Array) -> Array:
        """(N,) Laplacian of sum_k a_k psi_k."""


@dataclass(frozen=True)
class FourierFeatures(Features):
    """cos(w_k . y + b_k).

    Attributes:
        waves: (K, D) wave vectors [1/length].
        phases: (K,).
    """

    waves: Array
    phases: Array

    @property
    def count(self) -> int:
        return len(self.waves)

    def arguments(self, y: Array) -> Array:
        """(N, K) w_k . y + b_k."""
        return np.asarray(rows_times(y, self.waves) + self.phases)

    def values(self, y: Array) -> Array:
        return np.asarray(np.cos(self.arguments(y)))

    def force(self, y: Array, amplitudes: Array) -> Array:
        return rows_times(np.sin(self.arguments(y)) * amplitudes, np.ascontiguousarray(self.waves.T))

    def laplacian(self, y: Array, amplitudes: Array) -> Array:
        return np.asarray(-np.einsum("nk,k->n", self.values(y), amplitudes * np.sum(self.waves**2, axis=1)))


@dataclass(frozen=True)
class GaussianFeatures(Features):
    """exp(-|y - c_k|^2/(2 s^2)).

    Attributes:
        centres: (K, D) [length].
        width: s [length].
    """

    centres: Array
    width: float

    @property
    def count(self) -> int:
        return len(self.centres)

    def values(self, y: Array) -> Array:
        return np.asarray(np.exp(-0.5 * self._squares(y) / self.width**2))

    def force(self, y: Array, amplitudes: Array) -> Array:
        parts = self.values(y) * (amplitudes / self.width**2)
        return np.asarray(parts.sum(axis=1)[:, None] * y - rows_times(parts, np.ascontiguousarray(self.centres.T)))

    def laplacian(self, y: Array, amplitudes: Array) -> Array:
        squares = self._squares(y) / self.width**2
        curved = np.exp(-0.5 * squares) * (squares - y.shape[1])
        return np.asarray(np.einsum("nk,k->n", curved, amplitudes / self.width**2))

    def _squares(self, y: Array) -> Array:
        """(N, K) squared distances."""
        far = np.einsum("nd,nd->n", y, y)[:, None] + np.einsum("kd,kd->k", self.centres, self.centres)
        return np.asarray(np.maximum(far - 2.0 * rows_times(y, self.centres), 0.0))


def rows_times(rows: Array, matrix: Array) -> Array:
    """(N, K) products of rows (N, D) with those of a matrix (K, D)."""
    products: Array = np.einsum("kd,nd->nk", matrix, rows)
    return products
