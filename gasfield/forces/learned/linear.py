"""The linear terms of a learned field: a decay towards a centre, and a matrix of low rank.

The centre c is a fixed point, or the centroid C of the moving rows. With the centroid, every row is attracted by every
other one with F_i = (1/N) sum_j A (x_i - x_j): with a symmetric A the energy is -sum_i (x_i - C)^T A (x_i - C) / 2, and
the total momentum is conserved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

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
        centre = gas.positions.mean(axis=0) if self._centre is None else self._centre
        away: Array = gas.positions - centre
        return away

    def _own_share(self, gas: Gas) -> float:
        """How far x_i - centre follows x_i: 1, or 1 - 1/N for the centroid."""
        return 1.0 if self._centre is not None or not gas.count else 1.0 - 1.0 / gas.count


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
        return np.full(gas.count, self._rate * gas.positions.shape[1] * self._own_share(gas))


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
        return np.full(gas.count, -trace * self._own_share(gas))

    def _require_potential(self) -> None:
        if not self.conservative:
            raise not_conservative("a learned matrix that is not symmetric")
