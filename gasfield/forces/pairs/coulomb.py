"""Coulomb's law between charges: U(r) = k q q' / sqrt(r^2 + s^2).

In a periodic box it needs a range, at which it is cut off; there is no Ewald sum over images.
"""

from __future__ import annotations

from typing import Literal

from gasfield.forces.base import Force, Surroundings
from gasfield.forces.charges import ChargeForce
from gasfield.forces.pairs.softened import SoftenedLaw, softened
from gasfield.registry import register


@register
class Coulomb(SoftenedLaw):
    """Like charges repel, unlike ones attract; `strength` is k. Passive tracers feel the force and do not exert it."""

    kind: Literal["coulomb"] = "coulomb"

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force between charges.

        Raises:
            InputError: if a periodic side is less than twice the cutoff, or there is no tree for the error bound.
        """
        reach, periods = self.reach_in("coulomb", surroundings)
        direct = ChargeForce(softened, (self.strength, self.softening**2), periods, reach=reach)
        return self.summed(direct, self.strength, surroundings)
