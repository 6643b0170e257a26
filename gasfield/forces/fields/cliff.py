"""A smooth potential step: U = h/2 (1 + tanh(s/w)), s the distance from a plane, uphill positive. As the wall of a
container it is penetrable: particles with an energy above h cross it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.gaussian_wells import Width
from gasfield.forces.strengths import Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register


@register
class Cliff(ForceSpec):
    """A potential step across a plane."""

    kind: Literal["cliff"] = "cliff"
    through: tuple[Finite, ...]
    """D coordinates of a point half-way up [length]."""
    normal: tuple[Finite, ...]
    """D components of the direction uphill; its length does not matter."""
    height: Strength
    """h [energy]."""
    width: Width
    """w: three quarters of the rise are within w of the plane [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the step.

        Raises:
            InputError: if numbers do not fit the dimensions, the normal is zero, or the space is periodic.
        """
        surroundings.require_no_period("cliff")
        through = of_dimension(self.through, surroundings.dimensions, "through")
        normal = of_dimension(self.normal, surroundings.dimensions, "normal")
        length = float(np.linalg.norm(normal))
        if length == 0.0:
            raise InputError("it is zero; give the direction uphill.", parameter="normal")
        numbers = (through, normal / length, float(self.height), float(self.width))
        return ExternalForce("cliff", cliff, numbers, conservative=True)


@pointwise_kernel
def cliff(x, p, force):  # type: ignore[no-untyped-def]
    """F = -h/(2 w) (1 - tanh^2) n, Laplacian = -h/w^2 tanh (1 - tanh^2)."""
    through, normal, height, width = p
    distance = 0.0
    for j in range(x.size):
        distance += normal[j] * (x[j] - through[j])
    climbed = math.tanh(distance / width)
    slope = 0.5 * height / width * (1.0 - climbed * climbed)
    for j in range(x.size):
        force[j] -= slope * normal[j]
    return 0.5 * height * (1.0 + climbed), -2.0 * slope * climbed / width
