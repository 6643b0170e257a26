"""Gaussian wells: U = -sum_k d_k exp(-|x - c_k|^2 / (2 w_k^2)).

A well of depth d and width w is harmonic at its bottom, with stiffness d/w^2; a negative depth makes it a hill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from pydantic import Field

from gasfield.forces.base import Array, Finite, Force, Surroundings, of_dimension
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import Strength
from gasfield.forces.trainable import Part, Trainable
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
class GaussianWells(Trainable):
    """Wells and hills, one Gaussian each."""

    kind: Literal["gaussian_wells"] = "gaussian_wells"
    wells: Annotated[tuple[Well, ...], Field(min_length=1)]
    """The wells; their energies add up."""

    train: Annotated[tuple[Literal["at", "depth", "width"], ...], Field(min_length=1)] | None = None
    """Keys of the wells whose numbers an operation moves during the run; none if left out."""

    def build_field(self, surroundings: Surroundings) -> Force:
        """Builds the wells.

        Raises:
            InputError: if a position does not have D coordinates, or the space is periodic.
        """
        surroundings.require_no_period("gaussian_wells")
        numbers = (self._centres(surroundings.dimensions), *shapes(self.wells))
        return ExternalForce("gaussian_wells", wells, numbers, conservative=True)

    def parts(self, dimensions: int) -> dict[str, Part]:
        """With v = d g, g = exp(-y^2/2w^2) and y = x - c of each well: dU/dc = -v y/w^2, dU/dd = -g and
        dU/dw = -v y^2/w^3."""
        centres, (depths, narrowness) = self._centres(dimensions), shapes(self.wells)
        widths = np.array([float(well.width) for well in self.wells])

        def away(x: Array) -> Array:
            return np.asarray(x[:, None, :] - centres)  # (N, M, D)

        def bells(y: Array) -> Array:
            return np.asarray(np.exp(-0.5 * narrowness * np.einsum("nmd,nmd->nm", y, y)))

        def by_place(x: Array) -> Array:
            y = away(x)
            return np.asarray((-(depths * narrowness * bells(y))[:, :, None] * y).reshape(len(x), -1))

        def by_width(x: Array) -> Array:
            y = away(x)
            return np.asarray(-depths * bells(y) * np.einsum("nmd,nmd->nm", y, y) / widths**3)

        def names(key: str) -> tuple[str, ...]:
            return tuple(f"wells.{number}.{key}" for number in range(len(self.wells)))

        coordinates = tuple(f"{name}.{j}" for name in names("at") for j in range(dimensions))
        return {
            "at": Part(coordinates, centres.ravel(), by_place),
            "depth": Part(names("depth"), depths, lambda x: -bells(away(x))),
            "width": Part(names("width"), widths, by_width, positive=True),
        }

    def with_values(self, values: Mapping[str, Array]) -> Self:
        """With other places (M D,), depths (M,) or widths (M,)."""
        lists = {
            key: [tuple(at) for at in numbers.reshape(len(self.wells), -1).tolist()]
            if key == "at"
            else numbers.tolist()
            for key, numbers in values.items()
        }
        moved = tuple(
            well.model_copy(update={key: numbers[number] for key, numbers in lists.items()})
            for number, well in enumerate(self.wells)
        )
        return self.model_copy(update={"wells": moved})

    def _centres(self, dimensions: int) -> Array:
        """(M, D)."""
        places = [of_dimension(well.at, dimensions, f"wells.{number}.at") for number, well in enumerate(self.wells)]
        return np.array(places)


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
        laplacian += value * narrow * (float(x.size) - narrow * distance2)
    return energy, laplacian
