"""A force that turns: F = omega J x, J turning each of the planes (x0, x1), (x2, x3), ... by a right angle.

It does work on whoever goes round, so it is no gradient. Added to a harmonic well it leaves the histogram of Brownian
motion as it is (div J x = 0, and J x is tangent to the level sets of |x|) and drives a current through it.
"""

from __future__ import annotations

from typing import Literal

from gasfield.errors import InputError
from gasfield.forces.base import Finite, Force, ForceLaw, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.kernels.leaf import leaf
from gasfield.registry import register


@register
class Circulation(ForceLaw):
    """Drives every particle round the origin, in every plane alike; an odd last coordinate is left alone."""

    kind: Literal["circulation"] = "circulation"
    rate: Finite
    """omega [energy/length^2]; counter-clockwise where positive."""

    def build(self, surroundings: Surroundings) -> Force:
        """The drive.

        Raises:
            InputError: if there is no plane to turn in, or the space is periodic.
        """
        surroundings.require_no_period("circulation")
        if surroundings.dimensions < 2:
            raise InputError(
                f"circulation turns planes: it needs 2 dimensions or more, the space has {surroundings.dimensions}."
            )
        return ExternalForce("circulation", circulation, (float(self.rate),), conservative=False)


@leaf
def circulation(x, p, force):  # type: ignore[no-untyped-def]
    """(F_2k, F_2k+1) = omega (-x_2k+1, x_2k)."""
    (rate,) = p
    for k in range(0, x.size - 1, 2):
        force[k] -= rate * x[k + 1]
        force[k + 1] += rate * x[k]
