"""The fields that a conservative model is a sum of, and their inner products over places, without the design itself.

The gradient of a feature is a vector (D,) at each place, so that the design of N places has N D rows. But its inner
products factorise: for cos(w_k . z + b_k) with s_k = sin(w_k . z + b_k),

    sum over places of grad psi_k . grad psi_l = (w_k . w_l) sum s_k s_l

and for Gaussians |z - c|^2 is expanded in the same way. The cost is that of N (K + D) K products instead of N D K^2.
Everything is in principal axes of the sample, z = V (x - mean): there the harmonic part is a sum over pairs of axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned import Term
from gasfield.forces.learned.features import Features, FourierFeatures, GaussianFeatures
from gasfield.forces.learned.potential import FourierPotential, GaussianPotential, PotentialLaw
from gasfield.streams import Stream, generator

Array = NDArray[np.float64]

SCALES = (0.25, 0.5, 1.0, 2.0)
"""Length scales that are tried, in units of the median distance."""


RIDGES = (1e-13, 1e-11, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Ridges of features. Those of a large length scale are dependent to rounding, so that zero is no choice. The affine
part is not shrunk, so that a large ridge leaves the best affine field where nothing else can be told from noise."""


_ROUNDING = 1e-6
"""Difference of two held-out errors, as shares of the mean square of the target, that means nothing."""


@dataclass(frozen=True)
class Frame:
    """Principal axes of a sample.

    Attributes:
        mean: (D,) [length].
        axes: (D, D) orthonormal rows, by falling variance.
        variances: (D,) [length^2].
    """

    mean: Array
    axes: Array
    variances: Array

    @classmethod
    def of(cls, places: Array) -> Frame:
        """That of places (M, D)."""
        mean = places.mean(axis=0)
        away = places - mean
        values, vectors = np.linalg.eigh(away.T @ away / len(places))
        return cls(mean, np.ascontiguousarray(vectors[:, ::-1].T), np.maximum(values[::-1], 0.0))

    def inwards(self, places: Array) -> Array:
        """(M, D) z."""
        return np.asarray((places - self.mean) @ self.axes.T)

    def turned(self, vectors: Array) -> Array:
        """(M, D) components of vectors along the axes."""
        return np.asarray(vectors @ self.axes.T)


def draw_features(kind: str, count: int, places: Array, width: float, seed: int) -> Features:
    """Features of a length scale [length] for places z (M, D): waves from a Gaussian, or centres from the places."""
    chance = generator(seed, Stream.FIELD_CENTRES)
    if kind == "fourier":
        waves = chance.standard_normal((count, places.shape[1])) / width
        return FourierFeatures(waves, chance.uniform(0.0, 2.0 * np.pi, count))
    chosen = chance.choice(len(places), size=min(count, len(places)), replace=False)
    return GaussianFeatures(np.ascontiguousarray(places[chosen]), width)


def median_distance(places: Array, seed: int, pairs: int = 5000) -> float:
    """The median distance of random pairs of places (M, D): the usual start for a length scale [length]."""
    chance = generator(seed, Stream.FIELD_CENTRES, 1)
    one, other = chance.integers(len(places), size=(2, pairs))
    apart = np.linalg.norm(places[one] - places[other], axis=1)
    return float(np.median(apart[apart > 0.0])) if np.any(apart > 0.0) else 1.0


def length_scales(places: Array, seed: int) -> list[float]:
    """Length scales to choose from, about the median distance of places (M, D) [length]."""
    usual = median_distance(places, seed)
    return [scale * usual for scale in SCALES]


def smoothest(errors: Sequence[float]) -> int:
    """The choice of the least held-out error, of length scales in ascending order; the largest of those that differ by
    rounding only."""
    if np.isnan(errors).all():
        return len(errors) - 1
    return int(np.flatnonzero(np.asarray(errors) <= np.nanmin(errors) + _ROUNDING)[-1])


@dataclass(frozen=True)
class Basis:
    """K features, D constant fields and Q harmonic ones; p = K + D + Q.

    The harmonic field of axes (i, j) is z_j e_i + z_i e_j, and z_i e_i for i = j.

    Attributes:
        frame: the axes.
        features: functions of z.
        first: (Q,) i.
        second: (Q,) j >= i.
    """

    frame: Frame
    features: Features
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @property
    def size(self) -> int:
        """p."""
        return self.features.count + len(self.frame.mean) + len(self.first)

    @property
    def shares(self) -> Array:
        """(Q,) 1, and 1/2 for i = j."""
        return np.where(self.first == self.second, 0.5, 1.0)

    def sums(self, z: Array, *fields: Array) -> tuple[Array, list[Array]]:
        """(p, p) inner products of its fields over places z (n, D), and (p,) those with each of some fields (n, D)."""
        k, d, values = self.features.count, z.shape[1], evaluate(self.features, z)
        gram = np.empty((self.size, self.size))
        own, constant, harmonic = feature_products(self.features, values, z, self.first, self.second)
        gram[:k, :k], gram[:k, k : k + d], gram[:k, k + d :] = own, constant, harmonic * self.shares
        gram[k : k + d, k : k + d] = len(z) * np.eye(d)
        gram[k : k + d, k + d :] = self._constant_harmonic(z.sum(axis=0))
        gram[k + d :, k + d :] = self._harmonic_harmonic(z.T @ z)
        upper = np.triu_indices(self.size, 1)
        gram.T[upper] = gram[upper]
        return gram, [self._against(values, z, field) for field in fields]

    def _against(self, values: Array, z: Array, field: Array) -> Array:
        products = field.T @ z
        harmonic = self.shares * (products[self.first, self.second] + products[self.second, self.first])
        return np.concatenate([feature_against(self.features, values, z, field), field.sum(axis=0), harmonic])

    def _constant_harmonic(self, total: Array) -> Array:
        found, pairs = np.zeros((len(total), len(self.first))), np.arange(len(self.first))
        np.add.at(found, (self.first, pairs), self.shares * total[self.second])
        np.add.at(found, (self.second, pairs), self.shares * total[self.first])
        return found

    def _harmonic_harmonic(self, square: Array) -> Array:
        found = np.zeros((len(self.first), len(self.first)))
        for a, b in ((self.first, self.second), (self.second, self.first)):
            for e, f in ((self.first, self.second), (self.second, self.first)):
                found += np.where(a[:, None] == e, square[b[:, None], f], 0.0)
        return np.asarray(found * self.shares[:, None] * self.shares)

    def term(self, coefficients: Array, extra: dict[str, Array] | None = None) -> Term:
        """The field with coefficients (p,), in the coordinates of the trajectories."""
        law, described = law_of(self.features, self.frame)
        offset, matrix = self.affine(coefficients)
        arrays = {
            "reference": self.frame.mean,
            "offset": offset,
            "matrix": matrix,
            "amplitudes": coefficients[: self.features.count],
            **described,
            **(extra or {}),
        }
        return Term(law, arrays)

    def affine(self, coefficients: Array) -> tuple[Array, Array]:
        """Offset (D,) and symmetric matrix (D, D) of coefficients (p,), in the coordinates of the trajectories."""
        k, d = self.features.count, len(self.frame.mean)
        along = np.zeros((d, d))
        along[self.first, self.second] = along[self.second, self.first] = coefficients[k + d :]
        axes = self.frame.axes
        matrix = axes.T @ along @ axes
        return axes.T @ coefficients[k : k + d], 0.5 * (matrix + matrix.T)


def shrink_features(parameters: int, features: slice) -> Array:
    """(p, p) the penalty that leaves all but the features as they are."""
    penalty = np.zeros(parameters)
    penalty[features] = 1.0
    return np.diag(penalty)


def law_of(features: Features, frame: Frame) -> tuple[PotentialLaw, dict[str, Array]]:
    """The law and the arrays of features of z, as features of x - mean."""
    if isinstance(features, FourierFeatures):
        return FourierPotential(), {"waves": features.waves @ frame.axes, "phases": features.phases}
    assert isinstance(features, GaussianFeatures)
    return GaussianPotential(), {"centres": features.centres @ frame.axes, "width": np.array(features.width)}


def pairs_of_axes(dimensions: int, *, full: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs i <= j of axes: all of them, or i = j only."""
    if not full:
        return np.arange(dimensions), np.arange(dimensions)
    first, second = np.triu_indices(dimensions)
    return first, second


def evaluate(features: Features, z: Array) -> Array:
    """(n, K) what gradients of features at places z (n, D) are made of: sin(w_k . z + b_k), or the Gaussians."""
    if isinstance(features, FourierFeatures):
        arguments = z @ features.waves.T
        arguments += features.phases
        return np.asarray(np.sin(arguments, out=arguments))
    assert isinstance(features, GaussianFeatures)
    exponents = z @ (features.centres.T / features.width**2)
    exponents -= (0.5 / features.width**2) * np.sum(features.centres**2, axis=1)
    exponents -= (0.5 / features.width**2) * np.sum(z * z, axis=1)[:, None]
    return np.asarray(np.exp(np.minimum(exponents, 0.0, out=exponents), out=exponents))


def feature_products(
    features: Features, values: Array, z: Array, first: Any, second: Any
) -> tuple[Array, Array, Array]:
    """Sums over places z (n, D) of products of v_k = -grad psi_k: v_k . v_l (K, K), v_k (K, D), and
    v_ki z_j + v_kj z_i for pairs of axes (K, Q); `values` as `evaluate` gives them."""
    turned = values.T @ z
    if isinstance(features, FourierFeatures):
        waves = features.waves
        own = (values.T @ values) * (waves @ waves.T)
        harmonic = waves[:, first] * turned[:, second] + waves[:, second] * turned[:, first]
        return own, values.sum(axis=0)[:, None] * waves, harmonic
    assert isinstance(features, GaussianFeatures)
    c, square = features.centres, features.width**2
    halves = (values * (0.5 * np.sum(z * z, axis=1)[:, None] - z @ c.T)).T @ values
    own = halves + halves.T + (values.T @ values) * (c @ c.T)
    harmonic = 2.0 * values.T @ (z[:, first] * z[:, second])
    harmonic -= c[:, first] * turned[:, second] + c[:, second] * turned[:, first]
    return own / square**2, (turned - c * values.sum(axis=0)[:, None]) / square, harmonic / square


def feature_against(features: Features, values: Array, z: Array, field: Array) -> Array:
    """(K,) sums over places z (n, D) of v_k . field, with field (n, D)."""
    if isinstance(features, FourierFeatures):
        return np.asarray(np.sum((values.T @ field) * features.waves, axis=1))
    assert isinstance(features, GaussianFeatures)
    along = np.sum(z * field, axis=1) @ values - np.sum((values.T @ field) * features.centres, axis=1)
    return np.asarray(along / features.width**2)
