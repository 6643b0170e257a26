"""Lennard-Jones spheres: U(r) = 4 e ((a/r)^12 - (a/r)^6), cut off and shifted to zero at a range (Jones, 1924).

At a range of 2^(1/6) a it is purely repulsive (Weeks, Chandler and Andersen, 1971): nearly hard spheres. Inside the
core, where the energy is some 10^4 e, the law is continued by a parabola in r^2, so that particles that start at the
same position get a finite speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Force, ForceSpec, Surroundings
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.strengths import NotNegative
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register

_CORE = 0.5
"""Radius of the core over the diameter: the energy there is 16,128 e."""


@register
class LennardJones(ForceSpec):
    """A hard core with attraction beyond it. Passive tracers feel the force and do not exert it."""

    former_keys: ClassVar[Mapping[str, str]] = {"range": "cutoff"}

    kind: Literal["lennard_jones"] = "lennard_jones"
    strength: NotNegative = 1.0
    """e, depth of the well [energy]."""
    diameter: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """a, at which the energy without cut-off is zero; the minimum is at 2^(1/6) a [length]."""
    cutoff: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Cut-off [length]; 2.5 diameters if left out."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force between spheres.

        Raises:
            InputError: if a periodic side is less than twice the cutoff, or the range is inside the core.
        """
        reach, core = self.cutoff or 2.5 * self.diameter, _CORE * self.diameter
        if reach <= core:
            raise InputError(f"lennard_jones: a range of {reach:g} is inside the core, {core:g}; use a larger one.")
        require_room("lennard_jones", reach, surroundings.space.periods)
        six = 4.0 * self.strength * self.diameter**6
        twelve = six * self.diameter**6
        parameters = (twelve, six, 6.0 * twelve, 3.0 * six, 42.0 * twelve, 12.0 * six)
        return PairForce(twelve_six, parameters, surroundings.space.periods, reach=reach, core=core)


@pointwise_kernel
def twelve_six(u, p):  # type: ignore[no-untyped-def]
    """A/r^12 - B/r^6; p holds A, B and their multiples in the derivatives, so that a pair costs few products."""
    twelve, six, slope_twelve, slope_six, bend_twelve, bend_six = p
    near = 1.0 / u
    near2 = near * near
    near3 = near2 * near
    slope = (near2 * near2) * (slope_six - slope_twelve * near3)
    return near3 * (twelve * near3 - six), slope, (near3 * near2) * (bend_twelve * near3 - bend_six)
