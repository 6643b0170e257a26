"""The displacement of a Koopman model, as a velocity: the Euler method at the recorded interval gives its map.

`KoopmanLaw` moves each row by itself, `WholeKoopmanLaw` all rows together, along modes of the whole gas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings, not_conservative
from gasfield.forces.learned.dictionary import Dictionary, evaluate
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.gas import Gas
from gasfield.registry import register


class _Map(Force):
    """A velocity without a potential."""

    conservative = False

    def energy(self, gas: Gas) -> Array:
        raise not_conservative("the displacement of a Koopman model")

    def laplacian(self, gas: Gas) -> Array:
        raise not_conservative("the displacement of a Koopman model")


@register
class KoopmanLaw(FieldLaw):
    """F(x) = offset + matrix (x - centre) + sum_m weights_m (f_m(u) - mean_m), u = axes (x - centre)."""

    layout: ClassVar[Mapping[str, Shape]] = {
        "offset": ("D",),
        "matrix": ("D", "D"),
        "centre": ("D",),
        "axes": ("q", "D"),
        "table": ("m", "q"),
        "mean": ("m",),
        "weights": ("m", "D"),
    }

    kind: Literal["koopman"] = "koopman"
    dictionary: Dictionary = "identity"
    """Which functions f_m the table stands for."""

    def require(self, arrays: Arrays, dimensions: int) -> None:
        """As for every law; exponents are whole numbers that are not negative.

        Raises:
            InputError: if an array does not fit.
        """
        super().require(arrays, dimensions)
        table = arrays["table"]
        if self.dictionary == "monomials" and (np.any(table < 0.0) or np.any(table != np.floor(table))):
            raise InputError("the exponents of a learned law koopman are not all whole numbers from 0 on.")

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("a Koopman model")
        return KoopmanForce(self.dictionary, arrays)


class KoopmanForce(_Map):
    """The built force of each row."""

    def __init__(self, dictionary: Dictionary, arrays: Arrays) -> None:
        """With the arrays of the law."""
        self._dictionary, self._arrays = dictionary, arrays

    def add(self, gas: Gas, force: Array) -> None:
        own = self._arrays
        away = gas.positions - own["centre"]
        force += own["offset"] + np.einsum("jk,ik->ij", own["matrix"], away)
        if len(own["table"]):
            along = np.einsum("qk,ik->iq", own["axes"], away)
            functions = evaluate(self._dictionary, own["table"], along) - own["mean"]
            force += np.einsum("im,mj->ij", functions, own["weights"])


@register
class WholeKoopmanLaw(FieldLaw):
    """F = sum_k modes_k (offset + matrix z)_k with z_k = modes_k . (x - mean), over all rows and dimensions."""

    layout: ClassVar[Mapping[str, Shape]] = {
        "offset": ("r",),
        "matrix": ("r", "r"),
        "modes": ("r", "N", "D"),
        "mean": ("N", "D"),
    }

    kind: Literal["whole_koopman"] = "whole_koopman"

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("a Koopman model")
        return WholeKoopmanForce(arrays)


class WholeKoopmanForce(_Map):
    """The built force of all rows together."""

    interacting = True

    def __init__(self, arrays: Arrays) -> None:
        """With the arrays of the law."""
        self._arrays = arrays

    def check_gas(self, gas: Gas) -> None:
        count = len(self._arrays["mean"])
        if gas.count != count:
            raise InputError(
                f"the model moves the {count} rows that it was learned from together, in their order; there are "
                f"{gas.count} particles."
            )

    def add(self, gas: Gas, force: Array) -> None:
        own = self._arrays
        away = gas.positions - own["mean"]
        away[~np.isfinite(away).all(axis=1)] = 0.0  # a row that is lost does not take the others with it
        along = np.einsum("kij,ij->k", own["modes"], away)
        force += np.einsum("k,kij->ij", own["offset"] + own["matrix"] @ along, own["modes"])
