"""Gravity: masses attract each other, U(r) = -G m m' / sqrt(r^2 + s^2).

Plummer's softening s keeps near passages finite (Aarseth, 1963); beyond a few s the force is G m m'/r^2. The law is the
same in any number of dimensions: it is a picture of attraction, not the Green's function of D-dimensional space.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.forces.base import Array, Force, ForceLaw, Surroundings
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.gas import Gas
from gasfield.kernels.leaf import leaf


class Gravity(ForceLaw):
    """Attraction between masses. Passive tracers are attracted and do not attract."""

    kind: Literal["gravity"] = "gravity"
    strength: float = Field(1.0, ge=0.0, allow_inf_nan=False)
    """G [energy length/mass^2]."""
    softening: float = Field(gt=0.0, allow_inf_nan=False)
    """s [length]."""
    range: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Distance from which masses do not feel each other [length]; none if left out."""

    def build(self, surroundings: Surroundings) -> Force:
        """The attraction.

        Raises:
            InputError: if a periodic side is less than twice the range.
        """
        reach, periods = self.range or np.inf, surroundings.space.periods
        require_room("gravity", reach, periods)
        return GravityForce(softened, (-self.strength, self.softening**2), periods, reach=reach)


class GravityForce(PairForce):
    """The attraction at work."""

    def strengths(self, gas: Gas) -> Array:
        """The masses."""
        return gas.masses


@leaf
def softened(u, p):  # type: ignore[no-untyped-def]
    """c / sqrt(u + s^2)."""
    strength, softening2 = p
    away = u + softening2
    energy = strength / np.sqrt(away)
    return energy, -0.5 * energy / away, 0.75 * energy / (away * away)
