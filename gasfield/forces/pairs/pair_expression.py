"""A pair force written as an expression: an energy U(r) of the distance.

With a softening s, r stands for sqrt(r^2 + s^2) (Plummer softening), so that coincident particles stay finite; with a
core, the law is continued inside it by a parabola in r^2; with a range, it is cut off there, its energy shifted to
zero. The text is processed like that of `expression`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.expressions.law import law_from, shown
from gasfield.expressions.parse import Vocabulary
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.singular import LESS_SHARP, TIP, in_float64, probe, refuse_singular
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.pointwise import PointwiseKernel
from gasfield.registry import register

_HINTS = dict.fromkeys(("x", "x0", "d", "R", "u", "r2"), "the distance of the two particles is written r")


@register
class PairExpression(ForceSpec):
    """A pair force from an expression of the distance r. Passive tracers feel it and do not exert it."""

    former_keys: ClassVar[Mapping[str, str]] = {"range": "cutoff"}

    kind: Literal["pair_expression"] = "pair_expression"
    energy: str
    """U of a pair, an expression of r [energy]."""
    parameters: dict[str, Strength] = Field(default_factory=dict)
    """Values of the names used in the expression."""
    cutoff: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Cut-off distance [length]; required in a periodic space."""
    softening: float = Field(0.0, ge=0.0, allow_inf_nan=False)
    """s, the least value of r [length]."""
    core: float = Field(0.0, ge=0.0, allow_inf_nan=False)
    """Distance below which the law is continued by a parabola in r^2 [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the expression is not allowed, parameters do not fit, the core is not smaller than the
                cutoff, the law is undefined at its cutoff, or a periodic side is less than twice the cutoff.
        """
        periods, reach = surroundings.space.periods, np.inf if self.cutoff is None else self.cutoff
        require_room("pair_expression", reach, periods)
        if self.core >= reach:
            raise InputError(f"the core {self.core:g} must be smaller than the cutoff {reach:g}.", parameter="core")
        law = law_from("pair", [self.energy], Vocabulary(["r"], tuple(self.parameters), hints=_HINTS))
        force = PairExpressionForce(self, law, tuple(self.parameters.values()), periods, reach)
        if self.cutoff is not None:
            force.require_value_at(self.cutoff)
        return force


class PairExpressionForce(PairForce):
    """The built force."""

    def __init__(
        self, spec: PairExpression, law: PointwiseKernel, values: Sequence[float], periods: Array, reach: float
    ) -> None:
        numbers = (spec.softening**2, TIP, *map(float, values))
        super().__init__(law, numbers, periods, reach=reach, core=spec.core)
        self._text = spec.energy

    def require_value_at(self, reach: float) -> None:
        """Refuses a law that is undefined at its cut-off, where its energy is needed for the shift.

        Raises:
            InputError: if it is undefined.
        """
        places = np.zeros((2, len(self._periods)))
        places[1, 0] = (1.0 - 1e-9) * reach
        if not np.isfinite(self._sums(probe(places))).all():
            raise InputError(f"{shown([self._text])} is undefined at its cutoff {reach:g}.")

    def check_gas(self, gas: Gas) -> None:
        gas = in_float64(gas)
        softening2, _, *values = parameters = self._parameters
        sharp = self._sums(gas)[[0, 2]].T
        self._parameters = (softening2, LESS_SHARP, *values)
        less_sharp = self._sums(gas)[[0, 2]].T
        self._parameters = parameters
        refuse_singular(shown([self._text]), gas, sharp, less_sharp)
