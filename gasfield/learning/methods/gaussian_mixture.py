"""Densities of a sample: mixtures of Gaussians by expectation maximisation, and kernel densities.

Components have full covariances, so that one component is the Gaussian of the sample. (The mixtures of
`gasfield.forces.fields.mixture`, which a scenario fits when it is read, are isotropic.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import logsumexp

from gasfield.streams import Stream, generator

Array = NDArray[np.float64]

_STARTS, _FIRST_ROUNDS, _ROUNDS = 4, 15, 150
_AMPLE = 4
_SETTLED = 1e-6
"""Change of the mean log-likelihood of a point at which a fit has converged."""
_NARROWEST = 1e-4
"""Variance that is added to each component in every direction, relative to that of the points: a component on a few
points would collapse."""


@dataclass(frozen=True)
class Density:
    """A sum of Gaussians.

    Attributes:
        centres: (K, D) [length].
        log_weights: (K,).
        shapes: (1, D, D) or (K, D, D): B with B^T B the inverse covariance [1/length].
    """

    centres: Array
    log_weights: Array
    shapes: Array

    def log_at(self, points: Array) -> Array:
        """(N,) log p at points (N, D)."""
        return np.asarray(logsumexp(self._log_parts(points), axis=1))

    def _log_parts(self, points: Array) -> Array:
        middle, d = self.centres.mean(axis=0), points.shape[1]
        heights = self.log_weights + np.linalg.slogdet(self.shapes)[1] - 0.5 * d * np.log(2.0 * np.pi)
        y, centres = points - middle, self.centres - middle
        if len(self.shapes) == 1:
            return np.asarray(heights - 0.5 * square_distances(y @ self.shapes[0].T, centres @ self.shapes[0].T))
        each = [np.sum(((y - c) @ shape.T) ** 2, axis=1) for c, shape in zip(centres, self.shapes, strict=True)]
        return np.asarray(heights - 0.5 * np.stack(each, axis=1))

    def shares(self, points: Array) -> tuple[Array, float]:
        """(N, K) of each component in the density at points, and the mean log p."""
        parts = self._log_parts(points)
        total = logsumexp(parts, axis=1)
        return np.exp(parts - total[:, None]), float(np.mean(total))


def square_distances(here: Array, there: Array) -> Array:
    """(N, K) squared distances of points (N, D) and (K, D)."""
    squares = np.sum(here * here, axis=1)[:, None] + np.sum(there * there, axis=1) - 2.0 * (here @ there.T)
    return np.asarray(np.maximum(squares, 0.0))


def whitening(points: Array) -> Array:
    """(D, D) B of the Gaussian of points (N, D); directions without spread are given a little."""
    return _shape_of(np.atleast_2d(np.cov(points.T, bias=True)), float(points.var(axis=0).mean()))


def fit_mixture(points: Array, components: int, seed: int) -> Density:
    """The mixture that expectation maximisation finds on points (N, D), from the best of several starts.

    Each component has a covariance of its own where there are enough points for it, `_AMPLE` for each of its numbers;
    all have the same one otherwise.
    """
    spread, whole, d = float(points.var(axis=0).mean()), whitening(points), points.shape[1]
    tied = components > 1 and len(points) < _AMPLE * components * d * (d + 3) / 2
    if components == 1:
        return _maximised(points, np.ones((len(points), 1)), spread, tied=False)
    white, found = points @ whole.T, []
    for start in range(_STARTS):
        shapes = np.repeat(components ** (1.0 / d) * whole[None], 1 if tied else components, axis=0)
        centres = points[_spread_out(white, components, seed, start)]
        begun = Density(centres, np.full(components, -np.log(components)), shapes)
        found.append(_improved(points, begun, spread, _FIRST_ROUNDS, tied=tied))
    best = max(found, key=lambda density: density.shares(points)[1])
    return _improved(points, best, spread, _ROUNDS, tied=tied)


def _improved(points: Array, density: Density, spread: float, rounds: int, *, tied: bool) -> Density:
    """A mixture after some rounds, or when it has converged."""
    before = -np.inf
    for _ in range(rounds):
        shares, likelihood = density.shares(points)
        if likelihood - before < _SETTLED:
            break
        before, density = likelihood, _maximised(points, shares, spread, tied=tied)
    return density


def _maximised(points: Array, shares: Array, spread: float, *, tied: bool) -> Density:
    counts = shares.sum(axis=0) + 1e-300
    weights = counts / counts.sum()
    middle = points.mean(axis=0)
    away = points - middle
    centres = (shares.T @ away) / counts[:, None]
    if tied:
        within = away.T @ away / len(points) - (centres.T * weights) @ centres
        return Density(centres + middle, np.log(weights), _shape_of(within, spread)[None])
    shapes = []
    for k, centre in enumerate(centres):
        apart = away - centre
        shapes.append(_shape_of((apart * shares[:, k, None]).T @ apart / counts[k], spread))
    return Density(centres + middle, np.log(weights), np.array(shapes))


def _shape_of(covariance: Array, spread: float) -> Array:
    """B of a covariance, widened a little in every direction."""
    widened = covariance + _NARROWEST * max(spread, 1e-300) * np.eye(len(covariance))
    factor = linalg.cholesky(widened, lower=True, check_finite=False)
    return np.asarray(linalg.solve_triangular(factor, np.eye(len(factor)), lower=True, check_finite=False))


def _spread_out(points: Array, count: int, seed: int, start: int) -> NDArray[np.int64]:
    """Indices drawn one after the other with probability proportional to the squared distance from those drawn before
    (Arthur and Vassilvitskii 2007, k-means++)."""
    chance = generator(seed, Stream.FIELD_CENTRES, 3 + start)
    chosen = [int(chance.integers(len(points)))]
    squared = np.full(len(points), np.inf)
    while len(chosen) < count:
        squared = np.minimum(squared, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(chance.choice(len(points), p=squared / squared.sum())))
    return np.array(chosen)


def kernel_density(points: Array, bandwidth: float) -> Density:
    """A Gaussian on each of the points (N, D), with their covariance times the square of a bandwidth [1] (Fukunaga)."""
    shape = whitening(points) / bandwidth
    return Density(points, np.full(len(points), -np.log(len(points))), shape[None])


def kernel_scores(points: Array, bandwidths: tuple[float, ...], folds: NDArray[np.int64]) -> Iterator[Array]:
    """For each bandwidth: (N,) log p of each point under the kernels of all points of other folds."""
    whole = whitening(points)
    white = (points - points.mean(axis=0)) @ whole.T
    squares, (count, d) = square_distances(white, white), points.shape
    squares[folds[:, None] == folds] = np.inf
    used = count - np.bincount(folds)[folds]
    height = np.linalg.slogdet(whole)[1] - 0.5 * d * np.log(2.0 * np.pi)
    nearest = squares.min(axis=1, keepdims=True)
    squares -= nearest
    for bandwidth in bandwidths:
        sums = np.exp(-0.5 / bandwidth**2 * squares).sum(axis=1)
        yield np.log(sums / used) - 0.5 / bandwidth**2 * nearest[:, 0] + height - d * np.log(bandwidth)
