"""Gaussian wells on nested circular orbits (epicycles).

    c_k(t) = c_parent(t) + R_k (cos(w_k t + phase_k) e_i + sin(w_k t + phase_k) e_j)

U(x, t) = -sum_k d_k exp(-|x - c_k(t)|^2 / (2 w_k^2)) as for `gaussian_wells`: at each time the force is minus its
gradient, but the energy of a particle is not conserved, since the wells do work on it.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Array, Finite, Force, ForceSpec, Surroundings, of_dimension
from gasfield.forces.external import OUT_OF_RANGE, ExternalForce, Parameters, for_kernels
from gasfield.forces.fields.gaussian_wells import Width, shapes, wells
from gasfield.forces.fields.planes import CoordinatePlane, require_plane
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.spec import Spec


class OrbitingWell(Spec):
    """A well on a circular orbit."""

    around: Annotated[int, Field(ge=0)] | None = None
    """The well at the centre of the circle, by its number in the list, counted from 0; it must precede this one. The
    centre of all if left out."""
    radius: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    """R, of the circle [length]."""
    rate: Finite = 0.0
    """Angular velocity, from the first coordinate of the plane to the second [radians/time]."""
    phase: Finite = 0.0
    """Angle at time 0 [radians]."""
    plane: CoordinatePlane = (0, 1)
    """The two coordinates of the plane of the orbit."""
    depth: Strength
    """d; a hill if negative; 0 for a centre of other orbits that exerts no force [energy]."""
    width: Width
    """w, the distance from the bottom at which the force is greatest [length]."""


@register
class OrbitingWells(ForceSpec):
    """A hierarchy of wells on circular orbits around each other, at the gas's time."""

    kind: Literal["orbiting_wells"] = "orbiting_wells"
    wells: Annotated[tuple[OrbitingWell, ...], Field(min_length=1)]
    """The wells, each after the one that it orbits."""
    centre: tuple[Finite, ...] | None = None
    """Centre of the outermost circles, D coordinates; the origin if left out [length]."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the wells.

        Raises:
            InputError: if a plane is not one of the space, a well orbits one that does not precede it, or the space is
                periodic.
        """
        surroundings.require_no_period("orbiting_wells")
        d = surroundings.dimensions
        for number, well in enumerate(self.wells):
            require_plane(well.plane, d, f"wells.{number}.plane")
            if well.around is not None and well.around >= number:
                raise InputError(
                    f"well {well.around} does not precede well {number}; list a well after the one that it orbits.",
                    parameter=f"wells.{number}.around",
                )
        return OrbitingWellsForce(self, of_dimension(self.centre, d, "centre"))


class OrbitingWellsForce(ExternalForce):
    """The built wells."""

    def __init__(self, law: OrbitingWells, centre: Array) -> None:
        """Builds the force from its specification and the (D,) centre of the outermost circles."""
        self._orbits, self._centre = law.wells, centre
        self._shapes = shapes(law.wells)
        super().__init__("orbiting_wells", wells, (), conservative=True)

    def centres(self, time: float) -> Array:
        """(M, D) positions of the wells at a time [length]."""
        places = np.empty((len(self._orbits), len(self._centre)))
        for number, well in enumerate(self._orbits):
            angle = well.rate * time + well.phase
            if not math.isfinite(angle):
                raise InputError(OUT_OF_RANGE, parameter=f"wells.{number}.rate")
            places[number] = self._centre if well.around is None else places[well.around]
            places[number, well.plane[0]] += well.radius * math.cos(angle)
            places[number, well.plane[1]] += well.radius * math.sin(angle)
        return places

    steady = False

    def parameters(self, gas: Gas) -> Parameters:
        """Those of `wells`, at the gas's time."""
        return for_kernels((self.centres(gas.time), *self._shapes))
