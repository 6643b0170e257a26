"""A rotational force: F = omega J x, J a rotation of each of the planes (x0, x1), (x2, x3), ... by a right angle.

It does work around a circle, so it is not a gradient. Added to an isotropic harmonic well it does not change the
stationary density of Brownian motion (div J x = 0, and J x is tangent to the level sets of |x|), but drives a current.
"""

from __future__ import annotations

from typing import Literal

from gasfield.errors import InputError
from gasfield.forces.base import Force, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class Circulation(ForceSpec):
    """Drives every particle around the origin, equally in every plane; an odd last coordinate has zero force."""

    kind: Literal["circulation"] = "circulation"
    rate: Strength
    """omega [energy/length^2]; counter-clockwise if positive."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: in one dimension, or if the space is periodic.
        """
        surroundings.require_no_period("circulation")
        if surroundings.dimensions < 2:
            raise InputError(
                f"circulation rotates planes: it needs 2 dimensions or more; the space has {surroundings.dimensions}."
            )
        return ExternalForce("circulation", circulation, (float(self.rate),), conservative=False)


@pointwise_kernel
def circulation(x, p, force):  # type: ignore[no-untyped-def]
    """(F_2k, F_2k+1) = omega (-x_2k+1, x_2k)."""
    (rate,) = p
    for k in range(0, x.size - 1, 2):
        force[k] -= rate * x[k + 1]
        force[k + 1] += rate * x[k]
