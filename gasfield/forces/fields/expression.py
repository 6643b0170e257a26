"""A field written as an expression: an energy U(x, t), of which the force is -grad U, or a force by its components.

Coordinates are x0 to x(D-1), |x| is the distance from the origin, t the time; the other names are parameters. The text
is parsed against an allow-list (gasfield/expressions), differentiated exactly, compiled once, and cached on disk; new
values of the parameters do not trigger recompilation. At the tip of a cone, such as that of k |x| at the origin, where
the force has no direction, it is zero.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gasfield.errors import InputError
from gasfield.expressions.law import law_from, shown
from gasfield.expressions.parse import Vocabulary
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce, Parameters
from gasfield.forces.singular import LESS_SHARP, TIP, in_float64, probe, refuse_singular
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.pointwise import PointwiseKernel
from gasfield.registry import register

_HINTS = {
    "x": "a coordinate is written x0, x1, ..., the distance from the origin |x|",
    "r": "the distance from the origin is written |x|",
    "y": "the second coordinate is written x1",
    "z": "the third coordinate is written x2",
    "time": "the time is written t",
}


@register
class Expression(ForceSpec):
    """A field from an expression of the coordinates x0, x1, ..., |x| and the time t: either `energy` or `force`."""

    kind: Literal["expression"] = "expression"
    energy: str | None = None
    """U, an expression [energy]; the force is minus its gradient."""
    force: tuple[str, ...] | None = None
    """An expression for each of the D components [energy/length]. It is treated as non-conservative."""
    parameters: dict[str, Strength] = Field(default_factory=dict)
    """Values of the names used in the expressions."""

    @model_validator(mode="after")
    def _give_one(self) -> Expression:
        if (self.energy is None) == (self.force is None):
            raise PydanticCustomError("one_law", "give either energy, one expression, or force, one for each component")
        return self

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the field.

        Raises:
            InputError: if an expression is not allowed, parameters do not fit, the number of components is not D, or
                the field does not have the periods of a periodic space.
        """
        dimensions = surroundings.dimensions
        texts = (self.energy,) if self.energy is not None else self.force or ()
        if self.force is not None and len(self.force) != dimensions:
            raise InputError(
                f"{len(self.force)} components are given; the space has {dimensions} dimensions.", parameter="force"
            )
        variables = [*(f"x{number}" for number in range(dimensions)), "t"]
        vocabulary = Vocabulary(variables, tuple(self.parameters), length=True, hints=_HINTS)
        law = law_from("force" if self.energy is None else "field", texts, vocabulary, dimensions)
        periods = surroundings.space.periods
        force = ExpressionForce(texts, law, tuple(self.parameters.values()), self.energy is not None, periods)
        if periods.any():
            force.require_repetition()
        return force


class ExpressionForce(ExternalForce):
    """The built field."""

    def __init__(
        self, texts: Sequence[str], law: PointwiseKernel, values: Sequence[float], conservative: bool, periods: Array
    ) -> None:
        super().__init__("expression", law, (0.0, TIP, *map(float, values)), conservative=conservative)
        self._texts, self._periods = texts, periods
        self.steady = not any(re.search(r"\bt\b", text) for text in texts)
        self._tip = TIP

    def parameters(self, gas: Gas) -> Parameters:
        return (float(gas.time), self._tip, *self._parameters[2:])

    def virial(self, gas: Gas) -> float:
        return 0.0 if self._periods.any() else super().virial(gas)

    def check_gas(self, gas: Gas) -> None:
        gas = in_float64(gas)
        sharp = self._felt(gas)
        self._tip = LESS_SHARP
        less_sharp = self._felt(gas)
        self._tip = TIP
        refuse_singular(shown(self._texts), gas, sharp, less_sharp)

    def require_repetition(self) -> None:
        """Refuses a field that does not have the periods of the space, by its values at sample positions.

        Raises:
            InputError: if it does not.
        """
        dimensions = len(self._periods)
        places = np.random.default_rng(0).standard_normal((16, dimensions))
        for time in (0.0, 1.0):
            here = self._felt(probe(places, time))
            scale = 1.0 + np.abs(here).max(initial=0.0, where=np.isfinite(here))
            for axis in np.flatnonzero(self._periods):
                there = self._felt(probe(places + self._periods * (np.arange(dimensions) == axis), time))
                if not np.allclose(here, there, rtol=0.0, atol=1e-9 * scale, equal_nan=True):
                    raise InputError(
                        f"{shown(self._texts)} is not periodic along x{axis} with the side {self._periods[axis]:g} of "
                        f"the periodic space: the force would be discontinuous. Write a periodic one, "
                        f"such as cos(2*pi*x{axis}/L) with L the side, or use space.kind free, box or ball."
                    )

    def _felt(self, gas: Gas) -> Array:
        """(N, D) force or (N, D + 1) force and energy of each particle."""
        force = np.zeros(gas.positions.shape)
        self.add(gas, force)
        return np.column_stack([force, self.energy(gas)]) if self.conservative else force
