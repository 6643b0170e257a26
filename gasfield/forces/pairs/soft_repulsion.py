"""Soft spheres: particles that come nearer than a range push each other apart, U(r) = e (1 - (r/a)^2)^3 for r < a.

The power is the least for which force and its derivative are continuous where the force begins, so that velocity Verlet
keeps its second order; a quadratic U, as in dissipative particle dynamics (Groot and Warren 1997), has a jump there. As
a function of r^2 the energy is smooth at r = 0 too, so that particles may sit on each other (the force is then zero)
and no root is taken.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gasfield.forces.base import Force, ForceLaw, Surroundings
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.kernels.leaf import leaf
from gasfield.registry import register


@register
class SoftRepulsion(ForceLaw):
    """Pushes near particles apart. Passive tracers are pushed and do not push."""

    kind: Literal["soft_repulsion"] = "soft_repulsion"
    strength: float = Field(ge=0.0, allow_inf_nan=False)
    """e, energy of two particles at one place [energy]."""
    range: float = Field(gt=0.0, allow_inf_nan=False)
    """a, the distance at which they begin to feel each other [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """The repulsion.

        Raises:
            InputError: if a periodic side is less than twice the range, so that a particle would meet another twice.
        """
        periods = surroundings.space.periods
        require_room("soft_repulsion", self.range, periods)
        return PairForce(soft, (self.strength, self.range**2), periods, reach=self.range)


@leaf
def soft(u, p):  # type: ignore[no-untyped-def]
    """e (1 - u/a^2)^3."""
    strength, range2 = p
    inside = 1.0 - u / range2
    slope = -3.0 * strength * inside * inside / range2
    return strength * inside * inside * inside, slope, 6.0 * strength * inside / (range2 * range2)
