"""A field without a potential: an affine part, and a vector for each random Fourier feature.

    F(x) = a + A y + sum_k v_k sin(w_k . y + b_k),  y = x - reference

Each component has coefficients of its own. With v_k parallel to w_k and A symmetric it would be a gradient: the force
of `fourier_potential` is a field of this kind, with the same waves and phases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from gasfield.forces.base import Array, Force, Surroundings, not_conservative
from gasfield.forces.learned.features import FourierFeatures, rows_times
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.forces.learned.potential import Places, row_parts
from gasfield.gas import Gas
from gasfield.registry import register


@register
class FourierField(FieldLaw):
    """F with a vector (D,) for each feature."""

    layout: ClassVar[Mapping[str, Shape]] = {
        "reference": ("D",),
        "offset": ("D",),
        "matrix": ("D", "D"),
        "waves": ("K", "D"),
        "phases": ("K",),
        "vectors": ("K", "D"),
    }

    kind: Literal["fourier"] = "fourier"

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("a learned field")
        return FourierForce(arrays)


class FourierForce(Force):
    """The built force."""

    conservative = False

    def __init__(self, arrays: Arrays) -> None:
        """Arrays as in the layout of the law."""
        self._reference, self._offset, self._matrix = arrays["reference"], arrays["offset"], arrays["matrix"]
        self._features = FourierFeatures(arrays["waves"], arrays["phases"])
        self._vectors = np.ascontiguousarray(arrays["vectors"].T)

    def add(self, gas: Gas, force: Array) -> None:
        for part in row_parts(gas.count, self._features.count):
            force[part] += self.force_at(gas.positions[part])

    def energy(self, gas: Gas) -> Array:
        raise not_conservative("a learned field with a vector for each feature")

    def laplacian(self, gas: Gas) -> Array:
        raise not_conservative("a learned field with a vector for each feature")

    def force_at(self, places: Places) -> Array:
        """(M, D) at places (M, D) [energy/length]."""
        y = np.asarray(places - self._reference)
        waves = np.sin(self._features.arguments(y))
        return np.asarray(self._offset + rows_times(y, self._matrix) + rows_times(waves, self._vectors))
