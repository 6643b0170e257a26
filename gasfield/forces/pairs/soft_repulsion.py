"""Soft spheres: a finite-range repulsion, U(r) = e (1 - (r/a)^2)^3 for r < a.

The exponent is the least for which the force and its derivative are continuous at the cutoff, so that velocity Verlet
retains its second order; a quadratic U, as in dissipative particle dynamics (Groot and Warren 1997), has a jump there.
As a function of r^2 the energy is also smooth at r = 0, so that particles may coincide (the force is then zero), and no
square root is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gasfield.forces.base import Force, ForceSpec, Surroundings
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.strengths import NotNegative
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class SoftRepulsion(ForceSpec):
    """Repels near particles. Passive tracers feel the force and do not exert it."""

    former_keys: ClassVar[Mapping[str, str]] = {"range": "cutoff"}

    kind: Literal["soft_repulsion"] = "soft_repulsion"
    strength: NotNegative
    """e, energy of two coincident particles [energy]."""
    cutoff: float = Field(gt=0.0, allow_inf_nan=False)
    """a, the distance below which they interact [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the repulsion.

        Raises:
            InputError: if a periodic side is less than twice the cutoff.
        """
        periods = surroundings.space.periods
        require_room("soft_repulsion", self.cutoff, periods)
        return PairForce(soft, (self.strength, self.cutoff**2), periods, reach=self.cutoff)


@pointwise_kernel
def soft(u, p):  # type: ignore[no-untyped-def]
    """e (1 - u/a^2)^3."""
    strength, range2 = p
    scale = 1.0 / range2  # once for all pairs
    inside = 1.0 - u * scale
    slope = -3.0 * strength * scale * (inside * inside)
    return strength * (inside * inside * inside), slope, 6.0 * strength * (scale * scale) * inside
