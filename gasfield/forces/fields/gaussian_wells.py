"""Gaussian wells: U = -sum_k d_k exp(-|x - c_k|^2 / (2 w_k^2)).

A well of depth d and width w is harmonic at its bottom, with stiffness d/w^2; a negative depth makes it a hill.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec

Width = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Well(Spec):
    """One well."""

    at: tuple[Finite, ...]
    """c, D coordinates of its bottom [length]."""
    depth: Strength
    """d; a hill if negative [energy]."""
    width: Width
    """w, the distance from the bottom at which the force is greatest [length]."""


@register
class GaussianWells(ForceSpec):
    """Wells and hills, one Gaussian each."""

    kind: Literal["gaussian_wells"] = "gaussian_wells"
    wells: Annotated[tuple[Well, ...], Field(min_length=1)]
    """The wells; their energies add up."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the wells.

        Raises:
            InputError: if a position does not have D coordinates, or the space is periodic.
        """
        surroundings.require_no_period("gaussian_wells")
        centres = np.array(
            [
                of_dimension(well.at, surroundings.dimensions, f"wells.{number}.at")
                for number, well in enumerate(self.wells)
            ]
        )
        return ExternalForce("gaussian_wells", wells, (centres, *shapes(self.wells)), conservative=True)


class HasShape(Protocol):
    """The depth and width of a well."""

    @property
    def depth(self) -> float:
        """[energy]."""
        ...

    @property
    def width(self) -> float:
        """[length]."""
        ...


def shapes(wells: Sequence[HasShape]) -> tuple[Array, Array]:
    """(M,) depths d and (M,) 1/w^2 of wells."""
    return np.array([float(well.depth) for well in wells]), np.array([float(well.width) ** -2 for well in wells])


@pointwise_kernel
def wells(x, p, force):  # type: ignore[no-untyped-def]
    """F = -sum v_k y_k/w_k^2, U = -sum v_k, Laplacian = sum v_k (D - y_k^2/w_k^2)/w_k^2; v = d exp(-y^2/2w^2)."""
    centres, depths, narrowness = p
    energy, laplacian = 0.0, 0.0
    for k in range(depths.size):
        narrow = narrowness[k]
        distance2 = 0.0
        for j in range(x.size):
            away = x[j] - centres[k, j]
            distance2 += away * away
        value = depths[k] * math.exp(-0.5 * narrow * distance2)
        for j in range(x.size):
            force[j] -= value * narrow * (x[j] - centres[k, j])
        energy -= value
        laplacian += value * narrow * (x.size - narrow * distance2)
    return energy, laplacian
