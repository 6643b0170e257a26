"""An affine field, F(x) = a + A (x - c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from gasfield.forces.base import Array, Force, Surroundings, not_conservative
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.gas import Gas
from gasfield.registry import register


@register
class AffineLaw(FieldLaw):
    """F(x) = offset + matrix (x - reference)."""

    layout: ClassVar[Mapping[str, Shape]] = {"offset": ("D",), "matrix": ("D", "D"), "reference": ("D",)}

    kind: Literal["affine"] = "affine"

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("an affine field")
        return AffineForce(arrays["offset"], arrays["matrix"], arrays["reference"])


class AffineForce(Force):
    """The built force; conservative where the matrix is symmetric to the bit."""

    def __init__(self, offset: Array, matrix: Array, reference: Array) -> None:
        """a (D,), A (D, D), c (D,)."""
        self._offset, self._matrix, self._reference = offset, matrix, reference
        self.conservative = bool(np.array_equal(matrix, matrix.T))

    def add(self, gas: Gas, force: Array) -> None:
        force += self._offset + _rows_times(gas.positions - self._reference, self._matrix)

    def energy(self, gas: Gas) -> Array:
        if not self.conservative:
            raise not_conservative("an affine field whose matrix is not symmetric")
        away = gas.positions - self._reference
        energy: Array = -np.sum(away * (self._offset + 0.5 * _rows_times(away, self._matrix)), axis=1)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        if not self.conservative:
            raise not_conservative("an affine field whose matrix is not symmetric")
        return np.full(gas.count, -np.trace(self._matrix))


def _rows_times(rows: Array, matrix: Array) -> Array:
    """(N, D) A x of each row; by einsum, so that the bits of a row do not depend on the number of rows or threads."""
    products: Array = np.einsum("jk,ik->ij", matrix, rows)
    return products
