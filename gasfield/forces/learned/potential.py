"""A conservative field: an affine part, and features whose sum is bounded.

    U(x) = -a . y - y . A y / 2 + sum_k c_k psi_k(y),  y = x - reference,  A symmetric
    F(x) = -grad U = a + A y - sum_k c_k grad psi_k(y)

The sum over features is bounded by sum |c_k|. So U confines if A is negative definite, whatever the features are, and
far outside the sample the field is that of a harmonic well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.learned.features import Features, FourierFeatures, GaussianFeatures, rows_times
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.gas import Gas
from gasfield.registry import register

Places = NDArray[np.floating[Any]]
_AFFINE: Mapping[str, Shape] = {"reference": ("D",), "offset": ("D",), "matrix": ("D", "D"), "amplitudes": ("K",)}
_ROWS = 1 << 21
"""Numbers of a block of rows and features that are in memory at once."""


class PotentialLaw(FieldLaw):
    """The parts that the laws with a potential have in common."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic, or the matrix is not symmetric.
        """
        surroundings.require_no_period("a learned potential")
        if not np.array_equal(arrays["matrix"], arrays["matrix"].T):
            raise InputError(f"the matrix of the learned law {self.kind} is not symmetric, so there is no potential.")
        return PotentialForce(arrays, self.features(arrays))

    def features(self, arrays: Arrays) -> Features:
        """The features that its arrays describe."""
        raise NotImplementedError


@register
class FourierPotential(PotentialLaw):
    """U with random Fourier features, cos(w_k . y + b_k)."""

    layout: ClassVar[Mapping[str, Shape]] = {**_AFFINE, "waves": ("K", "D"), "phases": ("K",)}

    kind: Literal["fourier_potential"] = "fourier_potential"

    def features(self, arrays: Arrays) -> Features:
        return FourierFeatures(arrays["waves"], arrays["phases"])


@register
class GaussianPotential(PotentialLaw):
    """U with Gaussians of one width, exp(-|y - c_k|^2/(2 s^2))."""

    layout: ClassVar[Mapping[str, Shape]] = {**_AFFINE, "centres": ("K", "D"), "width": ()}

    kind: Literal["gaussian_potential"] = "gaussian_potential"

    def features(self, arrays: Arrays) -> Features:
        if not float(arrays["width"]) > 0.0:
            raise InputError("the width of the learned Gaussians is not positive.")
        return GaussianFeatures(arrays["centres"], float(arrays["width"]))


class PotentialForce(Force):
    """The built force."""

    conservative = True

    def __init__(self, arrays: Arrays, features: Features) -> None:
        """Arrays as in the layout of the law, and the features that they describe."""
        self._reference, self._offset, self._matrix = arrays["reference"], arrays["offset"], arrays["matrix"]
        self._amplitudes, self._features = arrays["amplitudes"], features

    def add(self, gas: Gas, force: Array) -> None:
        for part in row_parts(gas.count, self._features.count):
            force[part] += self.force_at(gas.positions[part])

    def energy(self, gas: Gas) -> Array:
        return self._by_parts(gas, self.energy_at)

    def laplacian(self, gas: Gas) -> Array:
        return self._by_parts(gas, self._laplacian_at)

    def force_at(self, places: Places) -> Array:
        """(M, D) at places (M, D) [energy/length]."""
        y = np.asarray(places - self._reference)
        return np.asarray(self._offset + rows_times(y, self._matrix) + self._features.force(y, self._amplitudes))

    def energy_at(self, places: Places) -> Array:
        """(M,) at places (M, D) [energy]."""
        y = places - self._reference
        smooth = -np.einsum("nd,nd->n", y, self._offset + 0.5 * rows_times(y, self._matrix))
        return np.asarray(smooth + np.einsum("nk,k->n", self._features.values(y), self._amplitudes))

    def _laplacian_at(self, places: Places) -> Array:
        curved = self._features.laplacian(np.asarray(places - self._reference), self._amplitudes)
        return np.asarray(curved - np.trace(self._matrix))

    def _by_parts(self, gas: Gas, law: Callable[[Places], Array]) -> Array:
        parts = [law(gas.positions[part]) for part in row_parts(gas.count, self._features.count)]
        return np.concatenate(parts) if parts else np.zeros(0)


def row_parts(rows: int, features: int) -> list[slice]:
    """Spans of rows whose features fit into a block of memory."""
    size = max(1, _ROWS // max(features, 1))
    return [slice(start, start + size) for start in range(0, rows, size)]
