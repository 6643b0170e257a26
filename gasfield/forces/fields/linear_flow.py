"""The four components of every linear flow: F = D + A (x - c), A = rotations + dilation + shears + simple shears.

    rotation about a plane    A_ji = w, A_ij = -w                 antisymmetric
    dilation                  A = d 1                             a multiple of the unit matrix
    shear                     A_ii = s, A_jj = -s (rotated by an angle)    symmetric, traceless
    simple shear              A_ij = s                            a half of it rotates, the other half is a pure shear

Under advection x(t) - c = exp(A t) (x(0) - c) + the integral of exp(A t') D. The simple shear dx_i/dt = s x_j is a
pure shear of rate s/2 at 45 degrees plus a rotation of rate -s/2. Without rotations and simple shears A is symmetric
and U = -D.y - y.A y/2, y = x - c. (Any text on continuum mechanics: the decomposition of a velocity gradient; Batchelor
1967, section 2.3.)
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.planes import CoordinatePlane, require_plane
from gasfield.forces.strengths import Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec


class Rotation(Spec):
    """A rotation in one plane."""

    plane: CoordinatePlane
    """The two coordinates of the plane."""
    rate: Strength
    """w [energy/length^2; as a flow, radians/time], from the first coordinate to the second."""


class Shear(Spec):
    """A pure shear: extension along one direction of a plane, equal compression across it."""

    axes: CoordinatePlane
    """The coordinates of extension and compression."""
    rate: Strength
    """s [energy/length^2; as a flow, 1/time]."""
    angle: Finite = 0.0
    """Of the direction of extension, from the first axis to the second [degrees]."""


class SimpleShear(Spec):
    """A simple shear: layers that slide along each other, the faster the farther from the centre."""

    axes: CoordinatePlane
    """The coordinate along which layers slide, and the one across them."""
    rate: Strength
    """s, the flow along the first per distance along the second [energy/length^2; as a flow, 1/time]."""


@register
class LinearFlow(ForceSpec):
    """Translation, rotation, dilation and shear about a centre. Under `advection` the force is the velocity."""

    kind: Literal["linear_flow"] = "linear_flow"
    translation: tuple[Strength, ...] | None = None
    """D, the same everywhere [energy/length; as a flow, length/time]; none if left out."""
    rotation: tuple[Rotation, ...] = ()
    """Rotations; their rates add up."""
    dilation: Strength = 0.0
    """d, relative growth rate of distances from the centre [energy/length^2; as a flow, 1/time]."""
    shear: tuple[Shear, ...] = ()
    """Pure shears; they add up."""
    simple_shear: tuple[SimpleShear, ...] = ()
    """Simple shears; they add up."""
    centre: tuple[Finite, ...] | None = None
    """c, D coordinates; the origin if left out [length]."""

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of its matrices."""
        return 3 * 8 * dimensions * dimensions

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the flow, which has an energy if A is symmetric.

        Raises:
            InputError: if numbers or planes do not fit the dimensions, or the space is periodic.
        """
        surroundings.require_no_period("linear_flow")
        d = surroundings.dimensions
        translation = of_dimension(self.translation, d, "translation")
        centre = of_dimension(self.centre, d, "centre")
        matrix = self.matrix(d)
        symmetric = np.array_equal(matrix, matrix.T)
        return ExternalForce("linear_flow", flow, (translation, matrix, centre), conservative=symmetric)

    def matrix(self, dimensions: int) -> Array:
        """(D, D) A, the gradient of the flow.

        Raises:
            InputError: if a plane is not one of the space.
        """
        matrix = self.dilation * np.eye(dimensions)
        for number, turn in enumerate(self.rotation):
            require_plane(turn.plane, dimensions, f"rotation.{number}.plane")
            i, j = turn.plane
            matrix[j, i] += turn.rate
            matrix[i, j] -= turn.rate
        for number, shear in enumerate(self.shear):
            require_plane(shear.axes, dimensions, f"shear.{number}.axes")
            double = math.radians(2.0 * shear.angle)
            along, across = shear.rate * math.cos(double), shear.rate * math.sin(double)
            i, j = shear.axes
            matrix[i, i] += along
            matrix[j, j] -= along
            matrix[i, j] += across
            matrix[j, i] += across
        for number, sliding in enumerate(self.simple_shear):
            require_plane(sliding.axes, dimensions, f"simple_shear.{number}.axes")
            matrix[sliding.axes] += sliding.rate
        return matrix


@pointwise_kernel
def flow(x, p, force):  # type: ignore[no-untyped-def]
    """F = D + A y, U = -D.y - y.A y/2 if A is symmetric, Laplacian -tr A."""
    translation, matrix, centre = p
    energy, trace = 0.0, 0.0
    for i in range(x.size):
        pull = 0.0
        for j in range(x.size):
            pull += matrix[i, j] * (x[j] - centre[j])
        force[i] += translation[i] + pull
        energy -= (x[i] - centre[i]) * (translation[i] + 0.5 * pull)
        trace += matrix[i, i]
    return energy, -trace
