"""The surface of Mueller and Brown (1979, Theoretica Chimica Acta 53:75), on which methods for reaction paths are tried.

    U = s sum_k A_k exp(a_k (x - x_k)^2 + b_k (x - x_k)(y - y_k) + c_k (y - y_k)^2)

Three minima lie along a bent valley: (-.558, 1.442) at -146.70, (-.050, .467) at -80.77, (.623, .028) at -108.17, with
saddles (-.822, .624) at -40.66 and (.212, .293) at -72.25, for s = 1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.gas import Gas
from gasfield.spec import Spec

_HEIGHT = np.array([-200.0, -100.0, -170.0, 15.0])
_A = np.array([-1.0, -1.0, -6.5, 0.7])
_B = np.array([0.0, 0.0, 11.0, 0.6])
_C = np.array([-10.0, -10.0, -6.5, 0.7])
_X = np.array([1.0, 0.0, -0.5, -1.0])
_Y = np.array([0.0, 0.5, 1.5, 1.0])


class MuellerBrown(Spec):
    """The Mueller-Brown surface in two dimensions."""

    kind: Literal["mueller_brown"] = "mueller_brown"
    scale: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """s, by which the energy is multiplied."""

    def build(self, surroundings: Surroundings) -> Force:
        """The surface.

        Raises:
            InputError: if the space has not two dimensions, or is periodic.
        """
        surroundings.require_no_period("mueller_brown")
        if surroundings.dimensions != 2:
            raise InputError(f"mueller_brown is a surface over 2 dimensions; the space has {surroundings.dimensions}.")
        return MuellerBrownForce(self.scale)


class MuellerBrownForce(Force):
    """The surface at work."""

    conservative = True

    def __init__(self, scale: float) -> None:
        self._height = scale * _HEIGHT

    def add(self, gas: Gas, force: Array) -> None:
        x, y, terms = self._terms(gas)
        force[:, 0] -= np.sum(terms * (2.0 * _A * x + _B * y), axis=1)
        force[:, 1] -= np.sum(terms * (_B * x + 2.0 * _C * y), axis=1)

    def energy(self, gas: Gas) -> Array:
        energy: Array = self._terms(gas)[2].sum(axis=1)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        x, y, terms = self._terms(gas)
        bend = (2.0 * _A * x + _B * y) ** 2 + (_B * x + 2.0 * _C * y) ** 2 + 2.0 * (_A + _C)
        laplacian: Array = np.sum(terms * bend, axis=1)
        return laplacian

    def _terms(self, gas: Gas) -> tuple[Array, Array, Array]:
        """(N, 4) distances along x and y from the centres of the four terms, and the terms themselves."""
        x, y = gas.positions[:, :1] - _X, gas.positions[:, 1:] - _Y
        with np.errstate(over="ignore"):  # far outside the fourth term overflows; the run sees what comes of it
            return x, y, self._height * np.exp(_A * x * x + _B * x * y + _C * y * y)
