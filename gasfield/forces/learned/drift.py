"""A drift that is the same everywhere and changes in time, F(x, t) = a(t)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.gas import Gas
from gasfield.registry import register


@register
class DriftLaw(FieldLaw):
    """F(x, t) = a(t), from values at some times, and held before the first and after the last of them."""

    layout: ClassVar[Mapping[str, Shape]] = {"times": ("k",), "values": ("k", "D")}

    kind: Literal["drift"] = "drift"
    interpolation: Literal["previous", "linear"] = "previous"
    """Between two times: the value at the earlier one, or a straight line."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the times do not ascend.
        """
        if not len(arrays["times"]) or np.any(np.diff(arrays["times"]) <= 0.0):
            raise InputError("the times of a learned drift do not ascend.")
        return DriftForce(arrays["times"], arrays["values"], self.interpolation == "linear")


class DriftForce(Force):
    """The built force; conservative at each time."""

    conservative = True

    def __init__(self, times: Array, values: Array, linear: bool) -> None:
        """Values (k, D) at ascending times (k,)."""
        self._times, self._values, self._linear = times, values, linear
        self.steady = len(times) == 1

    def at(self, time: float) -> Array:
        """(D,) a(t)."""
        here = int(np.searchsorted(self._times, time, side="right")) - 1
        here, last = max(here, 0), len(self._times) - 1
        if not self._linear or here == last:
            return np.asarray(self._values[here])
        start, end = self._times[here], self._times[here + 1]
        share = min(max((time - start) / (end - start), 0.0), 1.0)
        value: Array = (1.0 - share) * self._values[here] + share * self._values[here + 1]
        return value

    def add(self, gas: Gas, force: Array) -> None:
        force += self.at(gas.time)

    def energy(self, gas: Gas) -> Array:
        drift = self.at(gas.time)
        return np.asarray(-np.einsum("ij,j->i", gas.positions, drift))

    def laplacian(self, gas: Gas) -> Array:
        return np.zeros(gas.count)
