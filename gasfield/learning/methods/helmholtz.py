"""The Helmholtz-Hodge split of a field over a sample: its projection onto gradients, and the rest.

Under the density rho of the sampled places, <F, G> = mean of F . G over them. The gradient part P F = -grad V is the
least-squares projection of F onto the gradients of all quadratic functions and of the Fourier features; the rotational
part R = F - P F is orthogonal to all of these. As the span grows, the conditions <R, grad psi> = 0 become
div(rho R) = 0: R stirs the sample without changing its density. So the shares |P F|^2/|F|^2 and |R|^2/|F|^2 sum to 1,
and depend on rho: another density splits the same field otherwise.

For a linear field F = M z, with covariance S of z, the gradient part is A z, with A symmetric and
A S + S A = M S + S M^T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned.features import FourierFeatures
from gasfield.learning.designs.basis import evaluate

Array = NDArray[np.float64]

_NEGLIGIBLE = 1e-6
"""Share of a feature's square that rounding leaves, and below which its other gradients determine it."""


@dataclass(frozen=True)
class GradientPart:
    """-grad V = offset + matrix z + sum_k a_k w_k sin(w_k . z + b_k).

    Attributes:
        offset: (D,).
        matrix: (D, D) symmetric.
        amplitudes: (K,) a.
        square: the sum of its square over the sample.
    """

    offset: Array
    matrix: Array
    amplitudes: Array
    square: float


class GradientProjection:
    """The projection onto gradients over places.

    In centred principal axes the gradients of all linear and quadratic functions are orthogonal to each other, so that
    they are eliminated one by one, and only a system of the size of the features is solved.
    """

    def __init__(self, features: FourierFeatures, z: Array) -> None:
        """For places z (M, D), whose mean is zero and whose covariance is diagonal."""
        self._waves, self._z = features.waves, z
        self._sines = evaluate(features, z)
        self._turned = self._sines.T @ z
        self._constant = self._sines.sum(axis=0)[:, None] * self._waves
        self._squares = np.sum(z * z, axis=0)
        own = (self._sines.T @ self._sines) * (self._waves @ self._waves.T)
        left = own - self._constant @ self._constant.T / len(z)
        for axis in range(z.shape[1]):
            crossed, inverse = self._harmonic(axis)
            left -= (crossed * inverse) @ crossed.T
        scale = 1.0 / np.sqrt(np.maximum(np.diag(own), 1e-300))
        values, vectors = np.linalg.eigh(left * scale[:, None] * scale)
        kept = values > _NEGLIGIBLE * max(float(values[-1]), 1.0)
        self._rank = int(kept.sum())
        turned = vectors[:, kept] * scale[:, None]
        self._inverse = (turned / values[kept]) @ turned.T

    @property
    def rank(self) -> int:
        """Number of gradients that the sample tells apart."""
        return self._rank + self.parameters - len(self._waves)

    @property
    def parameters(self) -> int:
        """Number of gradients projected onto."""
        count = int(self._z.shape[1])
        return len(self._waves) + count + count * (count + 1) // 2

    def of(self, field: Array) -> GradientPart:
        """The gradient part of a field (M, D)."""
        count, total, turned = len(self._z), field.sum(axis=0), field.T @ self._z
        along = np.sum((self._sines.T @ field) * self._waves, axis=1)
        right = along - self._constant @ total / count
        sums = [self._pair_sums(turned, axis) for axis in range(len(total))]
        for axis, own in enumerate(sums):
            crossed, inverse = self._harmonic(axis)
            right -= crossed @ (inverse * own)
        amplitudes = self._inverse @ right
        offset = (total - self._constant.T @ amplitudes) / count
        matrix, square = np.zeros((len(total), len(total))), float(along @ amplitudes + total @ offset)
        for axis, own in enumerate(sums):
            crossed, inverse = self._harmonic(axis)
            row = inverse * (own - crossed.T @ amplitudes)
            matrix[axis, axis:] = matrix[axis:, axis] = row
            square += float(own @ row)
        return GradientPart(offset, matrix, amplitudes, square)

    def _harmonic(self, axis: int) -> tuple[Array, Array]:
        """For the fields z_j e_i + z_i e_j of an axis i and all j > i, and z_i e_i first: their products with those of
        the features (K, D - i), and the inverse of their squares (D - i,), 0 where nothing was sampled."""
        waves, turned = self._waves, self._turned
        crossed = waves[:, axis, None] * turned[:, axis:] + waves[:, axis:] * turned[:, axis, None]
        squares = self._squares[axis] + self._squares[axis:]
        crossed[:, 0] *= 0.5
        squares[0] *= 0.5
        sampled = squares > 1e-14 * self._squares[0]
        return crossed, np.where(sampled, 1.0 / np.where(sampled, squares, 1.0), 0.0)

    @staticmethod
    def _pair_sums(turned: Array, axis: int) -> Array:
        """(D - i,) products of the same fields with a field f, from the sums (D, D) of f_a z_b."""
        sums = turned[axis, axis:] + turned[axis:, axis]
        sums[0] *= 0.5
        return np.asarray(sums)


@dataclass(frozen=True)
class Shares:
    """How a field divides into gradient and rotation.

    Attributes:
        gradient: |P F|^2/|F|^2.
        rotational: |R|^2/|F|^2.
        error: standard error of both; NaN for fewer than three blocks.
    """

    gradient: float
    rotational: float
    error: float


def shares_of(projection: GradientProjection, field: Array, moves: list[Array]) -> Shares:
    """The shares of a field (M, D) that was estimated with errors.

    The errors of the field have a square of their own, most of it rotational, which would count as rotation. With
    `moves`, the fields (M, D) by which each of B independent blocks moves it, their square is B/(B - 1) times the sum
    of the squares of the moves, and is subtracted. The error of a share is that of its first order in the moves.
    """
    part = projection.of(field)
    rest = rotational_at(projection, field, part)
    whole, turning = float(np.vdot(field, field)), float(np.vdot(rest, rest))
    count = len(moves)
    if count < 3:
        return Shares(1.0 - turning / whole, turning / whole, np.nan)
    factor = count / (count - 1)
    squares = [float(np.vdot(move, move)) for move in moves]
    whole -= factor * sum(squares)
    turning -= factor * sum(square - projection.of(move).square for square, move in zip(squares, moves, strict=True))
    share = turning / whole
    changes = [2.0 * (float(np.vdot(move, rest)) - share * float(np.vdot(move, field))) / whole for move in moves]
    return Shares(1.0 - share, share, float(np.sqrt(factor * np.sum(np.square(changes)))))


def rotational_at(projection: GradientProjection, field: Array, part: GradientPart) -> Array:
    """(M, D) what is left of a field at the places of the sample."""
    waves = (projection._sines * part.amplitudes) @ projection._waves
    return np.asarray(field - part.offset - projection._z @ part.matrix - waves)
