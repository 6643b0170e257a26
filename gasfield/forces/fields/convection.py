"""Convection cells: divergence-free circulating flows, u = (dS/dx1, -dS/dx0) with a stream function S.

    rolls     S = A/k sin(k x0) sin(k x1)                           square cells of side pi/k, one corner at the origin
    shell     S = A (b - a)/pi sin(pi (r - a)/(b - a)) sin(m th)    2 m cells around a ring a < r < b, zero outside
    sphere    u = x cross grad S, S = A x2 Re (x0 + i x1)^m         2 m cells in each half of every sphere |x| = const

Streamlines are level lines of S, which the flow conserves. The walls of cells are free-slip, and A is the greatest
speed along them (on the sphere: along the equator, at |x| = 1). The rolls are those at the onset of convection between
free boundaries (Rayleigh 1916). The work around a cell is not zero, so the flows are not gradients.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Force, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.strengths import Strength
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.spec import Spec

Length = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

_COMMENSURATE = 1e-9
"""Tolerance of side over wavelength from an integer, for decimal rounding in a scenario."""


class Rolls(Spec):
    """Adjacent square cells in the plane (x0, x1); the force on other coordinates is zero."""

    kind: Literal["rolls"] = "rolls"
    wave_length: Length
    """2 pi/k, the side of two cells [length]. A periodic side must be an integer multiple of it."""

    def build(self, speed: float, surroundings: Surroundings) -> Force:
        """Builds the rolls.

        Raises:
            InputError: in one dimension, or if a periodic side is not an integer multiple of the wavelength.
        """
        _require(surroundings.dimensions >= 2, "rolls", "2 dimensions or more", surroundings)
        periods = surroundings.space.periods
        waves = periods[:2] / self.wave_length
        if np.any(np.abs(waves - np.round(waves)) > _COMMENSURATE * np.maximum(waves, 1.0)):
            raise InputError(
                f"{waves[0]:g} x {waves[1]:g} waves of length {self.wave_length:g} fit the sides of the "
                "periodic space; these must be integers, or the flow would be discontinuous at the sides.",
                parameter="wave_length",
            )
        numbers = (speed, 2.0 * math.pi / self.wave_length)
        return ExternalForce("convection", rolls, numbers, conservative=False, periodic=bool(periods.any()))


class ShellCells(Spec):
    """Cells around a ring in the plane (x0, x1); the force on other coordinates is zero."""

    kind: Literal["shell"] = "shell"
    inner: Length
    """a, inner radius of the cells [length]."""
    outer: Length
    """b, outer radius of the cells [length]."""
    waves: Count = 1
    """m, half the number of cells."""

    def build(self, speed: float, surroundings: Surroundings) -> Force:
        """Builds the ring of cells.

        Raises:
            InputError: in one dimension, in a periodic space, or if the outer radius does not exceed the inner one.
        """
        surroundings.require_no_period("convection in a shell")
        _require(surroundings.dimensions >= 2, "a shell", "2 dimensions or more", surroundings)
        if self.outer <= self.inner:
            raise InputError(f"{self.outer:g} must be greater than inner, {self.inner:g}.", parameter="outer")
        numbers = (speed, float(self.inner), float(self.outer), self.waves)
        return ExternalForce("convection", shell, numbers, conservative=False)


class OnSphere(Spec):
    """Cells on spheres about the origin in three dimensions."""

    kind: Literal["sphere"] = "sphere"
    waves: Count = 1
    """m, half the number of cells in each half of the sphere."""

    def build(self, speed: float, surroundings: Surroundings) -> Force:
        """Builds the cells.

        Raises:
            InputError: if there are not three dimensions, or the space is periodic.
        """
        surroundings.require_no_period("convection on a sphere")
        _require(surroundings.dimensions == 3, "a sphere", "3 dimensions", surroundings)
        return ExternalForce("convection", sphere, (speed, self.waves), conservative=False)


@register
class Convection(ForceSpec):
    """Cells of circulating flow. Under `advection` the force is the velocity."""

    kind: Literal["convection"] = "convection"
    speed: Strength
    """A [energy/length; as a flow, length/time]."""
    cells: Annotated[Rolls | ShellCells | OnSphere, Field(discriminator="kind")]
    """Geometry of the cells."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the cells.

        Raises:
            InputError: if they do not fit the space.
        """
        return self.cells.build(float(self.speed), surroundings)


def _require(fits: bool, where: str, what: str, surroundings: Surroundings) -> None:
    if not fits:
        raise InputError(f"convection in {where} needs {what}; the space has {surroundings.dimensions}.")


@pointwise_kernel
def rolls(x, p, force):  # type: ignore[no-untyped-def]
    """u = A (sin k x0 cos k x1, -cos k x0 sin k x1)."""
    speed, wave_number = p
    first, second = wave_number * x[0], wave_number * x[1]
    force[0] += speed * math.sin(first) * math.cos(second)
    force[1] -= speed * math.cos(first) * math.sin(second)


@pointwise_kernel
def shell(x, p, force):  # type: ignore[no-untyped-def]
    """u_r = A m (b - a)/(pi r) sin(phase) cos(m th), u_th = -A cos(phase) sin(m th), phase = pi (r - a)/(b - a)."""
    speed, inner, outer, waves = p
    radius = math.hypot(x[0], x[1])
    if radius <= inner or radius >= outer:
        return
    thickness = (outer - inner) / math.pi
    phase, turn = (radius - inner) / thickness, float(waves) * math.atan2(x[1], x[0])
    outward = speed * float(waves) * thickness / radius * math.sin(phase) * math.cos(turn)
    around = -speed * math.cos(phase) * math.sin(turn)
    force[0] += (outward * x[0] - around * x[1]) / radius
    force[1] += (outward * x[1] + around * x[0]) / radius


@pointwise_kernel
def sphere(x, p, force):  # type: ignore[no-untyped-def]
    """u = x cross grad S; with z = x0 + i x1, grad S = A (m x2 Re z^(m-1), -m x2 Im z^(m-1), Re z^m)."""
    speed, waves = p
    real, imaginary = 1.0, 0.0
    for _ in range(waves - 1):
        real, imaginary = real * x[0] - imaginary * x[1], real * x[1] + imaginary * x[0]
    first, second = speed * float(waves) * x[2] * real, -speed * float(waves) * x[2] * imaginary
    third = speed * (real * x[0] - imaginary * x[1])
    force[0] += x[1] * third - x[2] * second
    force[1] += x[2] * first - x[0] * third
    force[2] += x[0] * second - x[1] * first
