"""Learned emissions and receptivities, one of each for every particle: the force of
`gasfield.forces.attention.emission_receptivity` with e_i = m x_i + a_i and r_i = m x_i + b_i."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gasfield.forces.attention.emission_receptivity import EmissionReceptivityForce
from gasfield.forces.attention.poles import PoleMap
from gasfield.forces.base import Force, Surroundings
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.registry import register


@register
class TwoPolesLaw(FieldLaw):
    """Attracts the receptivity of every particle to the emissions of the others."""

    layout: ClassVar[Mapping[str, Shape]] = {"emission": ("N", "D"), "receptivity": ("N", "D")}

    kind: Literal["emission_receptivity"] = "emission_receptivity"
    decay: float = Field(2.0, ge=0.0)
    """p, the exponent of the decay with distance."""
    eps: float = Field(1e-8, gt=0.0)
    """eps, added to the distance [length] and to its power [length^p]."""
    softening: float = Field(0.0, ge=0.0)
    """The distance below which the force stops growing [length]."""
    on_itself: bool = False
    """Whether a particle's emission acts on its own receptivity too."""
    matrix: float = 0.0
    """m: 0 where poles are fixed, 1 where they move with their particle."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("emission_receptivity")
        poles = (PoleMap(self.matrix, arrays[name], name) for name in ("emission", "receptivity"))
        law = (self.decay, self.eps, self.softening)
        emission, receptivity = poles
        return EmissionReceptivityForce(emission, receptivity, law, on_itself=self.on_itself)
