"""The recorded field far from the cloud that it was recorded about.

A recording keeps Phi, its gradient g and its second derivatives H at the centroid c of the dead rows, at every step.
Phi(w) is a mean of exp(w . h) over positions, so that log Phi is the cumulant generating function of h, and its first
two cumulants

    kappa = g / Phi,        K = H / Phi - kappa kappa^T

give Phi(w) = Phi(c) exp(kappa . d + d . K d / 2) with d = w - c, and the gradient Phi(w) (kappa + K d): exact where h
is normally distributed. The affine form g + H d is its expansion to first order in d, which is enough for the rows that
were trained; rows under another law may leave them by several tenths, where the force is another by factors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.forces import Force
from gasfield.gas import Gas
from gasfield.trajectory import AffineField

Values = NDArray[np.float64]


class CumulantField(Force):
    """The field of a recording in its first two cumulants."""

    conservative = True
    steady = False

    def __init__(self, field: AffineField) -> None:
        self._field = field

    def add(self, gas: Gas, force: Values) -> None:
        at = self._field.at(gas.step)
        kappa = np.asarray(at.gradient, np.float64) / at.potential
        spread = np.asarray(at.hessian, np.float64) / at.potential - np.outer(kappa, kappa)
        away = gas.positions - at.reference
        towards = away @ spread
        exponent = away @ kappa + 0.5 * np.einsum("ij,ij->i", away, towards)
        towards += kappa
        towards *= (at.potential * np.exp(exponent))[:, None]
        force -= towards

    def energy(self, gas: Gas) -> Values:
        raise ValueError("not needed in a replay")

    def laplacian(self, gas: Gas) -> Values:
        raise ValueError("not needed in a replay")
