"""Dynamic mode decomposition from sums: the linear map from coordinates at one frame to those at the next.

With coordinates z (a state, functions of it, or amplitudes of modes) and z' one interval later, with means m and m':
z' = m' + A (z - m) + r, so that a constant is fitted exactly. Along the leading r principal axes of the coordinates:

* plain: A = C01^T C00^-1 (Schmid, 2010). Noise of variance s^2 in the measured z multiplies A by C (C + s^2)^-1, with C
  the covariance without noise: eigenvalues are too small.
* total least squares: A = U2 U1^-1, with (U1; U2) the leading r eigenvectors of the covariance of (z, z')
  (Golub and Van Loan, 1980; Dawson, Hemati, Williams and Rowley, 2016, algorithm 3).
* forward-backward: the square root of A B^-1, with B the plain map from z' to z (the same, algorithm 2).

The last two are unbiased for noise of the measurement, white and equal in all coordinates; noise that drives the motion
is not noise of this kind, and there the plain map is the unbiased one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Noise = Literal["none", "total_least_squares", "forward_backward"]

_SINGULAR = 1e-13
"""Variance along an axis, relative to the largest, below which nothing but rounding was measured."""


class PairSums:
    """Sums over pairs (z, z'), by block.

    Attributes:
        counts: (blocks,) number of pairs.
        means: (blocks, 2, p) sums of z and of z'.
        products: (blocks, 3, p, p) sums of z z^T, z z'^T and z' z'^T.
        square: (blocks,) sums of the squared displacement of the state.
    """

    def __init__(self, coordinates: int, blocks: int, *, both_ways: bool) -> None:
        """Sums of zero for p coordinates; without the way back, of z' z'^T only the diagonal is summed."""
        self._both_ways = both_ways
        self.counts = np.zeros(blocks)
        self.means = np.zeros((blocks, 2, coordinates))
        self.products = np.zeros((blocks, 3, coordinates, coordinates))
        self.square = np.zeros(blocks)

    @property
    def used(self) -> NDArray[np.int64]:
        """The blocks that have pairs."""
        return np.flatnonzero(self.counts)

    def add(self, block: int, before: Array, after: Array, square: float) -> None:
        """Adds pairs (M, p), and the squared displacement of their states."""
        self.counts[block] += len(before)
        self.means[block] += before.sum(axis=0), after.sum(axis=0)
        self.products[block, 0] += before.T @ before
        self.products[block, 1] += before.T @ after
        if self._both_ways:
            self.products[block, 2] += after.T @ after
        else:
            self.products[block, 2][np.diag_indices(len(after.T))] += np.einsum("ij,ij->j", after, after)
        self.square[block] += square

    def covariances(self, weights: Array | None = None) -> Covariances:
        """Those of all blocks, each with its weight (blocks,)."""
        weights = np.ones(len(self.counts)) if weights is None else weights
        count = float(weights @ self.counts)
        mean, next_mean = np.tensordot(weights, self.means, 1) / count
        whole = np.tensordot(weights, self.products, 1) / count
        whole[0] -= np.outer(mean, mean)
        whole[1] -= np.outer(mean, next_mean)
        whole[2] -= np.outer(next_mean, next_mean)
        return Covariances(mean, next_mean, whole[0], whole[1], whole[2])

    def without(self, block: int) -> Covariances:
        """Those of all blocks but one."""
        weights = np.ones(len(self.counts))
        weights[block] = 0.0
        return self.covariances(weights)

    def resampled(self, seed: int, draws: int) -> Iterator[Covariances]:
        """Those of bootstrap samples of whole blocks."""
        generator, used = np.random.default_rng(seed), self.used
        for _ in range(draws):
            weights = np.zeros(len(self.counts))
            weights[used] = np.bincount(generator.integers(len(used), size=len(used)), minlength=len(used))
            yield self.covariances(weights)

    def resolved(self, states: int) -> Array:
        """(blocks,) the squared displacement of the first `states` coordinates."""
        own = self.products[:, :, np.arange(states), np.arange(states)].sum(axis=2)
        return np.asarray(own[:, 0] + own[:, 2] - 2.0 * own[:, 1])

    def left_over(self, step: Step, block: int, states: int) -> float:
        """The squared error of the displacement of the first `states` coordinates, over the pairs of a block."""
        count, (first, second) = self.counts[block], self.means[block]
        m00, m01, m11 = self.products[block]
        shift, response = step.shift[:states], step.response[:states]
        # e = z' - z - shift - response (z - mean): every product of its parts
        here, there = m00 - np.outer(step.mean, first), m01 - np.outer(step.mean, second)  # (z - mean) z^T, and z'^T
        centred = here - np.outer(first - count * step.mean, step.mean)
        change = float(np.trace(m11[:states, :states] + m00[:states, :states] - 2.0 * m01[:states, :states]))
        moved = (second - first)[:states]
        crossed = float(np.sum(response * (there - here)[:, :states].T)) + float(shift @ moved)
        predicted = float(np.sum((response @ centred) * response)) + count * float(shift @ shift)
        predicted += 2.0 * float(shift @ response @ (first - count * step.mean))
        return max(float(change - 2.0 * crossed + predicted), 0.0)


@dataclass(frozen=True)
class Covariances:
    """Means (p,) of z and z', and covariances (p, p) of z, of z with z', and of z'."""

    mean: Array
    next_mean: Array
    before: Array
    across: Array
    after: Array


@dataclass(frozen=True)
class Step:
    """A step z' = z + shift + response (z - mean).

    Attributes:
        mean: (p,).
        shift: (p,).
        response: (p, p) U (A - 1) U^T in the units of the coordinates: what the axes leave stays as it is.
        inner: (r, r) A along the axes.
    """

    mean: Array
    shift: Array
    response: Array
    inner: Array


class ModeDecomposition:
    """The maps of one set of sums, along any number of axes."""

    def __init__(self, found: Covariances, noise: Noise, *, scaled: bool) -> None:
        """Coordinates of one kind keep their units; functions of several kinds are scaled to variance 1."""
        self._found, self._noise = found, noise
        deviation = np.sqrt(np.maximum(np.diag(found.before), 0.0))
        largest = float(deviation.max(initial=0.0))
        self._scale = np.where(deviation > 1e-12 * largest, deviation, 1.0) if scaled else np.ones(len(deviation))
        both = found.before if noise == "none" else 0.5 * (found.before + found.after)
        values, vectors = linalg.eigh(both / np.outer(self._scale, self._scale), check_finite=False)
        kept = values > _SINGULAR * max(float(values[-1]), 1e-300)
        self._axes = vectors[:, kept][:, ::-1]

    @property
    def most(self) -> int:
        """Number of axes that were sampled."""
        return int(self._axes.shape[1])

    def inner_of(self, found: Covariances, rank: int) -> Array:
        """(r, r) A from other sums along the same axes."""
        axes = self._axes[:, :rank] / self._scale[:, None]
        c00, c01, c11 = (axes.T @ each @ axes for each in (found.before, found.across, found.after))
        return _inner(c00, c01, c11, self._noise)

    def step(self, rank: int, clip: bool = False) -> Step:
        """The map along the leading axes, as many as there are, at most `rank`; unstable modes moved to the unit circle
        if `clip`."""
        axes, inner = self._axes[:, :rank], self.inner_of(self._found, rank)
        used = clipped(inner) if clip else inner
        response = axes @ (used - np.eye(len(inner))) @ axes.T
        return Step(
            mean=self._found.mean,
            shift=self._found.next_mean - self._found.mean,
            response=response * (self._scale[:, None] / self._scale),
            inner=inner,
        )


def _inner(c00: Array, c01: Array, c11: Array, noise: Noise) -> Array:
    """(r, r) A from covariances along the axes."""
    if noise == "total_least_squares":
        return _total(c00, c01, c11)
    forward = linalg.solve(c00, c01, assume_a="sym", check_finite=False).T
    if noise == "none":
        return np.asarray(forward)
    backward = linalg.solve(c11, c01.T, assume_a="sym", check_finite=False).T
    return _root(forward @ linalg.inv(backward), forward)


def _total(c00: Array, c01: Array, c11: Array) -> Array:
    count = len(c00)
    _, vectors = linalg.eigh(np.block([[c00, c01], [c01.T, c11]]), check_finite=False)
    leading = vectors[:, count:]
    return np.asarray(linalg.solve(leading[:count].T, leading[count:].T).T)


def _root(square: Array, near: Array) -> Array:
    """The square root of a matrix whose eigenvalues have the signs nearest to those of another one."""
    values, vectors = np.linalg.eig(square.astype(np.complex128))
    roots = np.sqrt(values)
    inverse = np.linalg.inv(vectors)
    similar = np.einsum("ij,jk,ki->i", inverse, near, vectors)
    roots = np.where(np.abs(roots - similar) <= np.abs(roots + similar), roots, -roots)
    return np.asarray(((vectors * roots) @ inverse).real)


def clipped(matrix: Array) -> Array:
    """The matrix with eigenvalues outside of the unit circle moved onto it."""
    values, vectors = np.linalg.eig(matrix.astype(np.complex128))
    inside = values / np.maximum(np.abs(values), 1.0)
    return np.asarray(((vectors * inside) @ np.linalg.inv(vectors)).real)


def spectrum(matrix: Array) -> tuple[Complex, Complex]:
    """Eigenvalues (r,), the largest first, and eigenvectors (r, r) in columns."""
    values, vectors = np.linalg.eig(matrix.astype(np.complex128))
    order = np.lexsort((-values.imag, -values.real, -np.round(np.abs(values), 12)))
    return values[order], vectors[:, order]
