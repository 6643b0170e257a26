"""Collisions: U(r) = e (a/r)^n. Soft at n = 12; at n = 48 particles are nearly hard spheres.

Exactly hard spheres have no force; a steep potential has a finite collision time, about a/(n v), which the time step
must resolve.
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

_HIGHEST = 1.0e5
"""The energy in units of e at the edge of the core."""


@register
class InversePower(ForceSpec):
    """Repels particles by a power of their distance. Passive tracers feel the force and do not exert it."""

    former_keys: ClassVar[Mapping[str, str]] = {"range": "cutoff"}

    kind: Literal["inverse_power"] = "inverse_power"
    strength: NotNegative = 1.0
    """e, energy at contact [energy]."""
    diameter: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """a, the contact distance [length]."""
    exponent: float = Field(48.0, ge=1.0, le=200.0, allow_inf_nan=False)
    """n."""
    cutoff: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Cut-off [length]; if left out, the distance at which the energy is 10^-5 e, at most 5 diameters."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force between spheres.

        Raises:
            InputError: if a periodic side is less than twice the cutoff, or the range is inside the core.
        """
        steep = _HIGHEST ** (1.0 / self.exponent)
        core, reach = self.diameter / steep, self.cutoff or self.diameter * min(steep, 5.0)
        if reach <= core:
            raise InputError(f"inverse_power: a range of {reach:g} is inside the core, {core:g}; use a larger one.")
        require_room("inverse_power", reach, surroundings.space.periods)
        parameters = (self.strength, self.diameter**2, 0.5 * self.exponent)
        return PairForce(power, parameters, surroundings.space.periods, reach=reach, core=core)


@pointwise_kernel
def power(u, p):  # type: ignore[no-untyped-def]
    """e (a^2/u)^m, m = n/2."""
    strength, diameter2, half = p
    near = 1.0 / u
    energy = strength * (diameter2 * near) ** half
    return energy, -half * energy * near, half * (half + 1.0) * energy * (near * near)
