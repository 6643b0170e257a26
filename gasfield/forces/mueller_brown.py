"""The surface of Mueller and Brown (1979, Theor. Chim. Acta 53:75), on which methods for reaction paths are tried.

    U = s sum_k A_k exp(a_k (x - x_k)^2 + b_k (x - x_k)(y - y_k) + c_k (y - y_k)^2)

Three minima lie along a bent valley: (-.558, 1.442) at -146.70, (-.050, .467) at -80.77, (.623, .028) at -108.17, with
saddles (-.822, .624) at -40.66 and (.212, .293) at -72.25, for s = 1. Far outside the fourth term overflows: a gas that
gets there has blown up.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numba import jit, prange
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceLaw, Surroundings
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL

TERMS = np.array(
    [  # A, a, b, c, x, y
        [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
        [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
        [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
        [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
    ]
)
"""(4, 6) the table of the paper, one term a row."""


class MuellerBrown(ForceLaw):
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
        self._terms = TERMS.copy()
        self._terms[:, 0] *= scale

    def add(self, gas: Gas, force: Array) -> None:
        _pull(gas.positions, self._terms, force)

    def energy(self, gas: Gas) -> Array:
        return self._sums(gas)[0]

    def laplacian(self, gas: Gas) -> Array:
        return self._sums(gas)[1]

    def _sums(self, gas: Gas) -> tuple[Array, Array]:
        energy, laplacian = np.zeros(gas.count), np.zeros(gas.count)
        _sum_terms(gas.positions, self._terms, energy, laplacian)
        return energy, laplacian


@jit(**EXACT)
def _term(position, term):  # type: ignore[no-untyped-def]
    """One term, and the derivatives of its exponent by x and y."""
    height, a, b, c = term[0], term[1], term[2], term[3]
    x, y = position[0] - term[4], position[1] - term[5]
    return height * math.exp(a * x * x + b * x * y + c * y * y), 2.0 * a * x + b * y, b * x + 2.0 * c * y


@jit(**EXACT_PARALLEL)
def _pull(positions, terms, force):  # type: ignore[no-untyped-def]
    """force_i -= grad U."""
    for i in prange(positions.shape[0]):
        for k in range(terms.shape[0]):
            value, along_x, along_y = _term(positions[i], terms[k])
            force[i, 0] -= value * along_x
            force[i, 1] -= value * along_y


@jit(**EXACT_PARALLEL)
def _sum_terms(positions, terms, energy, laplacian):  # type: ignore[no-untyped-def]
    """energy_i += U and laplacian_i += U_xx + U_yy; a term e^q has (e^q)_xx = e^q (q_x^2 + q_xx)."""
    for i in prange(positions.shape[0]):
        for k in range(terms.shape[0]):
            value, along_x, along_y = _term(positions[i], terms[k])
            energy[i] += value
            laplacian[i] += value * (along_x * along_x + along_y * along_y + 2.0 * (terms[k, 1] + terms[k, 3]))
