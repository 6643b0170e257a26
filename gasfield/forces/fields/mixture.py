"""Mixtures of isotropic Gaussians: kernel density estimates, and fits by expectation maximisation.

Matrix products are avoided, so that the bits do not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.streams import Stream, generator

_ROUNDS = 1000
_SETTLED = 1e-9
"""Change of the mean log-likelihood of a point at which a fit has converged."""
_NARROWEST = 1e-6
"""Least variance of a component, relative to that of the points: a component on one point would collapse."""


@dataclass(frozen=True)
class Mixture:
    """p(x) = sum_k weight_k N(x; centre_k, width_k^2).

    Attributes:
        centres: (M, D).
        weights: (M,), with sum 1.
        widths: (M,) standard deviations of each coordinate.
    """

    centres: Array
    weights: Array
    widths: Array

    def log_parts(self, points: Array) -> Array:
        """(N, M) log of weight times density of each component at points (N, D)."""
        squared = np.stack([((points - centre) ** 2).sum(axis=1) for centre in self.centres], axis=1)
        return np.asarray(self.log_amplitudes() - squared / (2.0 * self.widths**2))

    def log_amplitudes(self) -> Array:
        """(M,) log of weight times density of each component at its centre."""
        dimensions = self.centres.shape[1]
        return np.asarray(np.log(self.weights) - 0.5 * dimensions * np.log(2.0 * np.pi * self.widths**2))


def kernel_density(points: Array, bandwidth: float | None) -> Mixture:
    """A Gaussian on each of the points (N, D), by Scott's rule of width s N^(-1/(D + 4)), s^2 the mean variance of
    the coordinates (Scott 1992, "Multivariate Density Estimation", section 6.3).

    Raises:
        InputError: if the points are all equal, so that the rule gives zero.
    """
    count, dimensions = points.shape
    if bandwidth is None:
        bandwidth = float(np.sqrt(points.var(axis=0, ddof=min(1, count - 1)).mean())) * count ** (
            -1.0 / (dimensions + 4)
        )
        if bandwidth == 0.0:
            raise InputError("the points are all equal, so Scott's rule gives no bandwidth; give one.")
    return Mixture(points, np.full(count, 1.0 / count), np.full(count, bandwidth))


def fit_mixture(points: Array, components: int, seed: int) -> Mixture:
    """A maximum-likelihood mixture, by expectation maximisation from a start drawn from the points (N, D).

    Raises:
        InputError: if there are fewer distinct points than components.
    """
    if len(np.unique(points, axis=0)) < components:
        raise InputError(f"{components} components are requested; give at most as many as there are distinct points.")
    variance = float(points.var(axis=0).mean())
    start = _spread_out(points, components, generator(seed, Stream.FIELD_CENTRES))
    mixture = Mixture(start, np.full(components, 1.0 / components), np.full(components, np.sqrt(variance)))
    likelihood = -np.inf
    for _ in range(_ROUNDS):
        parts = mixture.log_parts(points)
        total = logsumexp(parts, axis=1)
        likelihood, before = float(total.mean()), likelihood
        if likelihood - before < _SETTLED:
            break
        mixture = _maximise(points, np.exp(parts - total[:, None]), _NARROWEST * variance)
    return mixture


def _maximise(points: Array, shares: Array, least: float) -> Mixture:
    """The maximum-likelihood mixture for the responsibilities (N, M) of components for points."""
    counts = shares.sum(axis=0) + np.finfo(float).tiny
    centres = np.einsum("nk,nj->kj", shares, points) / counts[:, None]
    squared = np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    variances = (shares * squared).sum(axis=0) / (counts * points.shape[1])
    return Mixture(centres, counts / counts.sum(), np.sqrt(np.maximum(variances, least)))


def _spread_out(points: Array, count: int, chance: np.random.Generator) -> Array:
    """(count, D) points drawn one after the other with probability proportional to the squared distance from those
    drawn before (Arthur and Vassilvitskii 2007, k-means++)."""
    chosen = [points[chance.integers(len(points))]]
    squared = np.full(len(points), np.inf)
    while len(chosen) < count:
        squared = np.minimum(squared, ((points - chosen[-1]) ** 2).sum(axis=1))
        chosen.append(points[chance.choice(len(points), p=squared / squared.sum())])
    return np.array(chosen)
