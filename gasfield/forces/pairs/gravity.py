"""Gravity: masses attract each other, U(r) = -G m m' / sqrt(r^2 + s^2)."""

from __future__ import annotations

from typing import Literal

from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.pairs.softened import SoftenedLaw, softened
from gasfield.forces.pairwise import PairForce
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Gravity(SoftenedLaw):
    """Attraction between masses; `strength` is G. Passive tracers feel the force and do not exert it."""

    kind: Literal["gravity"] = "gravity"

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the attraction.

        Raises:
            InputError: if a periodic side is less than twice the cutoff, or there is no tree for the error bound.
        """
        reach, periods = self.reach_in("gravity", surroundings)
        direct = GravityForce(softened, (-self.strength, self.softening**2), periods, reach=reach)
        return self.summed(direct, -self.strength, surroundings)


class GravityForce(PairForce):
    """The built attraction."""

    def strengths(self, gas: Gas) -> Array:
        """The masses."""
        return gas.masses
