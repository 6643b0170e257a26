"""The linear terms of a learned field: a decay towards a centre, and a matrix of low rank.

The centre c is a fixed point, or the centroid C of the sources among the moving rows. Then every row is attracted by
every other one with F_i = (1/N) sum_j A (x_i - x_j): with a symmetric A the energy is the sum of -(x_i - C)^T A
(x_i - C) / 2, and the total momentum is conserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.base import Array, Force, Surroundings, not_conservative
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.gas import Gas
from gasfield.registry import register

Centre = Literal["fixed", "centroid"]


@register
class DecayLaw(FieldLaw):
    """F(x) = -rate (x - centre)."""

    layout: ClassVar[Mapping[str, Shape]] = {"rate": (), "centre": ("D",)}

    kind: Literal["decay"] = "decay"
    about: Centre = "fixed"
    """The centre of the file, or the centroid of the rows."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("a learned decay")
        return DecayForce(float(arrays["rate"]), _fixed(arrays, self.about))


@register
class HessianLaw(FieldLaw):
    """F(x) = K (x - centre) with K = left^T core right of rank r; conservative where left is right and core is
    symmetric, to the bit."""

    layout: ClassVar[Mapping[str, Shape]] = {
        "left": ("r", "D"),
        "core": ("r", "r"),
        "right": ("r", "D"),
        "centre": ("D",),
    }

    kind: Literal["hessian"] = "hessian"
    about: Centre = "fixed"
    """The centre of the file, or the centroid of the rows."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("a learned matrix")
        return HessianForce(arrays["left"], arrays["core"], arrays["right"], _fixed(arrays, self.about))


def _fixed(arrays: Arrays, about: Centre) -> Array | None:
    return arrays["centre"] if about == "fixed" else None


class _About(Force):
    """A force that depends on the position relative to a centre (D,), or, if that is None, to the centroid."""

    def __init__(self, centre: Array | None) -> None:
        self._centre = centre
        self.interacting = self.mutual = centre is None

    def _away(self, gas: Gas) -> Array:
        away: Array = gas.positions - (self._centroid(gas) if self._centre is None else self._centre)
        return away

    def _centroid(self, gas: Gas) -> Array:
        """Of the sources; one at a position that is not finite is left out."""
        counted = self._counted(gas)
        return np.asarray(gas.positions[counted].mean(axis=0) if counted.any() else np.zeros(gas.positions.shape[1]))

    def _own_share(self, gas: Gas) -> Array:
        """(N,) how far x_i - centre follows x_i: 1, or 1 - 1/N for a source of the centroid."""
        shares = np.ones(gas.count)
        if self._centre is None:
            counted = self._counted(gas)
            shares[counted] -= 1.0 / max(int(counted.sum()), 1)
        return shares

    @staticmethod
    def _counted(gas: Gas) -> NDArray[np.bool_]:
        return np.asarray(gas.is_source & np.isfinite(gas.positions).all(axis=1))


class DecayForce(_About):
    """The built decay."""

    conservative = True

    def __init__(self, rate: float, centre: Array | None) -> None:
        """A rate [1/time or energy/length^2]."""
        super().__init__(centre)
        self._rate = rate

    def add(self, gas: Gas, force: Array) -> None:
        force -= self._rate * self._away(gas)

    def energy(self, gas: Gas) -> Array:
        away = self._away(gas)
        return np.asarray(0.5 * self._rate * np.einsum("ij,ij->i", away, away))

    def laplacian(self, gas: Gas) -> Array:
        return np.asarray(self._rate * gas.positions.shape[1] * self._own_share(gas))


class HessianForce(_About):
    """The built matrix."""

    def __init__(self, left: Array, core: Array, right: Array, centre: Array | None) -> None:
        """left (r, D), core (r, r), right (r, D)."""
        super().__init__(centre)
        self._left, self._core, self._right = left, core, right
        self.conservative = np.array_equal(left, right) and np.array_equal(core, core.T)

    def add(self, gas: Gas, force: Array) -> None:
        # by einsum, so that the bits of a row do not depend on the number of rows or threads
        along = np.einsum("kj,ij->ik", self._right, self._away(gas))
        force += np.einsum("kj,ik->ij", self._left, np.einsum("lk,ik->il", self._core, along))

    def energy(self, gas: Gas) -> Array:
        self._require_potential()
        along = np.einsum("kj,ij->ik", self._right, self._away(gas))
        return np.asarray(-0.5 * np.einsum("ik,kl,il->i", along, self._core, along))

    def laplacian(self, gas: Gas) -> Array:
        self._require_potential()
        trace = float(np.einsum("kj,kl,lj->", self._left, self._core, self._right))
        return np.asarray(-trace * self._own_share(gas))

    def _require_potential(self) -> None:
        if not self.conservative:
            raise not_conservative("a learned matrix that is not symmetric")
