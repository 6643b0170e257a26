"""A harmonic well: U = 1/2 sum_j k_j (x_j - c_j)^2."""

from __future__ import annotations

from typing import Literal

from gasfield.forces.base import Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import NotNegative
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class Harmonic(ForceSpec):
    """Pulls every particle to a centre, proportionally to its distance along each coordinate."""

    kind: Literal["harmonic"] = "harmonic"
    stiffness: NotNegative | tuple[NotNegative, ...]
    """k, or one k for each coordinate; 0 for a free coordinate [energy/length^2]."""
    centre: tuple[Finite, ...] | None = None
    """c, D coordinates; the origin if left out [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the well.

        Raises:
            InputError: if numbers do not fit the dimensions, or the space is periodic.
        """
        surroundings.require_no_period("harmonic")
        d = surroundings.dimensions
        stiffness = self.stiffness if isinstance(self.stiffness, tuple) else (self.stiffness,) * d
        numbers = (
            of_dimension(stiffness, d, "stiffness"),
            of_dimension(self.centre, d, "centre"),
        )
        return ExternalForce("harmonic", harmonic, numbers, conservative=True)


@pointwise_kernel
def harmonic(x, p, force):  # type: ignore[no-untyped-def]
    """F_j = -k_j (x_j - c_j), Laplacian = sum_j k_j; the force has a loop of its own, which vectorises."""
    stiffness, centre = p
    for j in range(x.size):
        force[j] -= stiffness[j] * (x[j] - centre[j])
    energy, laplacian = 0.0, 0.0
    for j in range(x.size):
        away = x[j] - centre[j]
        energy += 0.5 * stiffness[j] * away * away
        laplacian += stiffness[j]
    return energy, laplacian
