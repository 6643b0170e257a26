"""Learned attention: F_i = V sum_j w_ij x_j with exponents <Q x_i, K x_j>, as `gasfield.forces.attention.attention`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from gasfield.forces.attention.attention import AttentionForce
from gasfield.forces.attention.heads import HeadArrays
from gasfield.forces.base import Force, Surroundings
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.registry import register


@register
class AttentionLaw(FieldLaw):
    """One head; an inverse temperature is part of the query."""

    layout: ClassVar[Mapping[str, Shape]] = {"query": ("R", "D"), "key": ("R", "D"), "value": ("D", "D")}

    kind: Literal["attention"] = "attention"
    form: Literal["softmax", "unnormalised"] = "softmax"
    """Whether weights add up to 1 for each particle, or are divided by the number of sources."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("attention")
        head = HeadArrays(arrays["query"], arrays["key"], arrays["value"])
        return AttentionForce(self.form == "softmax", 1.0, [head])
