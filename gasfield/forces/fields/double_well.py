"""Two wells along the first coordinate: U = b ((x0/w)^2 - 1)^2 + t x0 + 1/2 k sum_(j>0) x_j^2.

Without tilt the minima are at +-w, and the barrier between them has height b.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gasfield.forces.base import Force, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import NotNegative, Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class DoubleWell(ForceSpec):
    """Two wells along the first coordinate, one harmonic well along all others."""

    kind: Literal["double_well"] = "double_well"
    barrier: NotNegative = 1.0
    """b, height of the barrier [energy]."""
    width: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """w, distance of the minima from the barrier [length]."""
    tilt: Strength = 0.0
    """t [energy/length]: raises the right well by about t w and lowers the left one by as much."""
    stiffness: NotNegative = 1.0
    """k of the other coordinates [energy/length^2]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the wells.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("double_well")
        numbers = (float(self.barrier), 1.0 / float(self.width), float(self.tilt), float(self.stiffness))
        return ExternalForce("double_well", double_well, numbers, conservative=True)


@pointwise_kernel
def double_well(x, p, force):  # type: ignore[no-untyped-def]
    """F_0 = -4 b (y^2 - 1) y/w - t, F_j = -k x_j, Laplacian = 4 b/w^2 (3 y^2 - 1) + k (D - 1); y = x0/w."""
    barrier, narrow, tilt, stiffness = p
    along = narrow * x[0]
    beyond = along * along - 1.0
    force[0] -= 4.0 * barrier * narrow * beyond * along + tilt
    energy = barrier * beyond * beyond + tilt * x[0]
    for j in range(1, x.size):
        force[j] -= stiffness * x[j]
        energy += 0.5 * stiffness * x[j] * x[j]
    return energy, 4.0 * barrier * narrow * narrow * (3.0 * beyond + 2.0) + stiffness * float(x.size - 1)
