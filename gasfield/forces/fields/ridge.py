"""A ridge along a line, a plane, ..., with an optional tunnel through it.

    U = h exp(-s^2 / (2 w^2)) (1 - g exp(-t^2 / (2 v^2)))

s is the distance from an affine subspace, given by a point and directions; t is the distance from the opening along it.
The tunnel crosses the ridge at one position; with g = 1 the potential in it is zero. A negative height turns the ridge
into a valley and the tunnel into a dam.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.fields.gaussian_wells import Width
from gasfield.forces.strengths import Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec


class Tunnel(Spec):
    """An opening in a ridge."""

    at: tuple[Finite, ...]
    """D coordinates, which are projected onto the ridge [length]."""
    width: Width
    """v [length]."""
    depth: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """g, the fraction of the height that is removed; at 1 the potential in the tunnel is zero."""


@register
class Ridge(ForceSpec):
    """A ridge or, with a negative height, a valley."""

    kind: Literal["ridge"] = "ridge"
    through: tuple[Finite, ...]
    """D coordinates of a point on its crest [length]."""
    along: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)]
    """Directions in which it runs, D components each: one for a line, two for a plane, ...; their lengths and angles do
    not matter."""
    height: Strength
    """h; a valley if negative [energy]."""
    width: Width
    """w, the distance from the crest at which it is steepest [length]."""
    tunnel: Tunnel | None = None
    """An opening through it."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the ridge.

        Raises:
            InputError: if numbers do not fit the dimensions, directions are linearly dependent or leave none across the
                ridge, or the space is periodic.
        """
        surroundings.require_no_period("ridge")
        d = surroundings.dimensions
        through = of_dimension(self.through, d, "through")
        axes = self._axes(d)
        opening, share, breadth = through, 0.0, 1.0
        if self.tunnel is not None:
            opening = of_dimension(self.tunnel.at, d, "tunnel.at")
            share, breadth = float(self.tunnel.depth), float(self.tunnel.width)
        numbers = (through, axes, axes @ (opening - through), float(self.height), float(self.width), share, breadth)
        return ExternalForce("ridge", ridge, numbers, conservative=True)

    def _axes(self, dimensions: int) -> Array:
        """(m, D) orthonormal directions along the ridge."""
        along = [of_dimension(each, dimensions, f"along.{n}") for n, each in enumerate(self.along)]
        if len(along) >= dimensions:
            raise InputError(
                f"{len(along)} directions leave none across the ridge in {dimensions} dimensions; "
                f"give at most {dimensions - 1}.",
                parameter="along",
            )
        directions = np.array(along)
        if np.linalg.matrix_rank(directions) < len(along):
            raise InputError("directions are linearly dependent; give independent ones.", parameter="along")
        return np.linalg.qr(directions.T)[0].T


@pointwise_kernel
def ridge(x, p, force):  # type: ignore[no-untyped-def]
    """With y the vector from the crest and q the vector from the opening along it, U = h E (1 - g G):

    F = U y/w^2 - h E g G q/v^2,    Laplacian = U (s^2/w^2 - (D - m))/w^2 - h E g G (t^2/v^2 - m)/v^2
    """
    through, axes, opening, height, width, share, breadth = p
    narrow, short = 1.0 / (width * width), 1.0 / (breadth * breadth)
    across, ahead = x - through, -opening
    for m in range(opening.size):
        for j in range(x.size):
            ahead[m] += axes[m, j] * (x[j] - through[j])
        for j in range(x.size):
            across[j] -= axes[m, j] * (ahead[m] + opening[m])
    across2, ahead2 = 0.0, 0.0
    for j in range(x.size):
        across2 += across[j] * across[j]
    for m in range(opening.size):
        ahead2 += ahead[m] * ahead[m]
    wall = height * math.exp(-0.5 * narrow * across2)
    taken = wall * share * math.exp(-0.5 * short * ahead2)
    energy = wall - taken
    for j in range(x.size):
        force[j] += energy * narrow * across[j]
        for m in range(opening.size):
            force[j] -= taken * short * ahead[m] * axes[m, j]
    curve_across = energy * narrow * (narrow * across2 - float(x.size - opening.size))
    return energy, curve_across - taken * short * (short * ahead2 - float(opening.size))
