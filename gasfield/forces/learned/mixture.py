"""The energy of a density that is a sum of Gaussians: U(x) = -T log p(x).

    p(x) = sum_k w_k |det B_k| (2 pi)^(-D/2) exp(-|B_k (x - c_k)|^2/2)

B_k^T B_k = P_k is the inverse covariance of component k; one B for all is a kernel density estimate. With shares p_k(x)
of the components

    F = -T sum_k p_k P_k (x - c_k)
    Laplacian of U = T (sum_k p_k (tr P_k - |P_k (x - c_k)|^2) + |F/T|^2)

Beyond the sample the nearest component rules, so that the energy confines as a Gaussian does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from scipy.special import logsumexp

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.learned.features import rows_times
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.forces.learned.potential import Places, row_parts
from gasfield.gas import Gas
from gasfield.registry import register


@register
class MixtureLaw(FieldLaw):
    """U = -T log p with a sum of Gaussians p."""

    layout: ClassVar[Mapping[str, Shape]] = {
        "centres": ("K", "D"),
        "log_weights": ("K",),
        "shapes": ("S", "D", "D"),
        "temperature": (),
    }

    kind: Literal["mixture"] = "mixture"

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic, a shape is singular, or there are as many shapes as fit no reading.
        """
        surroundings.require_no_period("a learned density")
        if len(arrays["shapes"]) not in (1, len(arrays["centres"])):
            raise InputError(
                f"{len(arrays['shapes'])} shapes for {len(arrays['centres'])} components: one for all, or one each."
            )
        if not np.isfinite(np.linalg.slogdet(arrays["shapes"])[1]).all():
            raise InputError("a component of the learned density has a singular shape.")
        return MixtureForce(arrays["centres"], arrays["log_weights"], arrays["shapes"], float(arrays["temperature"]))


class MixtureForce(Force):
    """The built force."""

    conservative = True

    def __init__(self, centres: Array, log_weights: Array, shapes: Array, temperature: float = 1.0) -> None:
        """c (K, D), log w (K,), B (1, D, D) or (K, D, D), T."""
        self._middle = centres.mean(axis=0)
        self._centres, self._temperature = centres - self._middle, temperature
        self._shapes = [np.ascontiguousarray(shape) for shape in shapes]
        self._stiffnesses = [shape.T @ shape for shape in shapes]
        determinants = np.linalg.slogdet(shapes)[1]
        self._heights = log_weights + determinants - 0.5 * centres.shape[1] * np.log(2.0 * np.pi)

    def add(self, gas: Gas, force: Array) -> None:
        for part in row_parts(gas.count, self._cost):
            force[part] += self.force_at(gas.positions[part])

    def energy(self, gas: Gas) -> Array:
        parts = [self.energy_at(gas.positions[part]) for part in row_parts(gas.count, self._cost)]
        return np.concatenate([*parts, np.zeros(0)])

    def laplacian(self, gas: Gas) -> Array:
        parts = [self._laplacian_at(gas.positions[part]) for part in row_parts(gas.count, self._cost)]
        return np.concatenate([*parts, np.zeros(0)])

    @property
    def _cost(self) -> int:
        return max(*map(int, self._centres.shape))

    def energy_at(self, places: Places) -> Array:
        """(M,) at places (M, D) [energy]."""
        return np.asarray(-self._temperature * self.log_density(places))

    def log_density(self, places: Places) -> Array:
        """(M,) log p at places (M, D)."""
        return np.asarray(logsumexp(self._log_parts(np.asarray(places - self._middle)), axis=1))

    def force_at(self, places: Places) -> Array:
        """(M, D) at places (M, D) [energy/length]."""
        y = np.asarray(places - self._middle)
        return np.asarray(-self._temperature * self._slope(y, self._shares(y)))

    def _laplacian_at(self, places: Places) -> Array:
        y = np.asarray(places - self._middle)
        shares = self._shares(y)
        slope = self._slope(y, shares)
        squares = np.einsum("nd,nd->n", slope, slope)
        for stiffness, own, centres in self._by_shape(shares):
            away = rows_times(y, stiffness)[:, None] - rows_times(centres, stiffness)
            squares += own.sum(axis=1) * np.trace(stiffness) - np.einsum("nk,nkd->n", own, away**2)
        return np.asarray(self._temperature * squares)

    def _slope(self, y: Array, shares: Array) -> Array:
        """(M, D) grad U/T."""
        slope = np.zeros(y.shape)
        for stiffness, own, centres in self._by_shape(shares):
            middles = own.sum(axis=1)[:, None] * y - rows_times(own, np.ascontiguousarray(centres.T))
            slope += rows_times(middles, stiffness)
        return slope

    def _by_shape(self, shares: Array) -> list[tuple[Array, Array, Array]]:
        """For each shape: P (D, D), the shares (M, k) and the centres (k, D) of its components."""
        if len(self._shapes) == 1:
            return [(self._stiffnesses[0], shares, self._centres)]
        return [
            (stiffness, np.ascontiguousarray(shares[:, k : k + 1]), self._centres[k : k + 1])
            for k, stiffness in enumerate(self._stiffnesses)
        ]

    def _shares(self, y: Array) -> Array:
        parts = self._log_parts(y)
        parts -= parts.max(axis=1, keepdims=True)
        np.exp(parts, out=parts)
        parts /= parts.sum(axis=1, keepdims=True)
        return parts

    def _log_parts(self, y: Array) -> Array:
        """(M, K) log of weight times density of each component."""
        if len(self._shapes) == 1:
            here, there = rows_times(y, self._shapes[0]), rows_times(self._centres, self._shapes[0])
            squares = np.einsum("nd,nd->n", here, here)[:, None] + np.einsum("kd,kd->k", there, there)
            squares -= 2.0 * rows_times(here, there)
        else:
            each = [rows_times(y - centre, shape) for centre, shape in zip(self._centres, self._shapes, strict=True)]
            squares = np.stack([np.einsum("nd,nd->n", away, away) for away in each], axis=1)
        return np.asarray(self._heights - 0.5 * squares)
