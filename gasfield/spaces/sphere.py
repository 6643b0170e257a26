"""The unit sphere, on which free flight follows great circles.

    x <- x cos(s h) + v/s sin(s h),    v <- v cos(s h) - s x sin(s h),    s = |v|

The exact geodesic flow (Leimkuhler and Matthews, 2016, "Efficient molecular dynamics using geodesic integration and
solvent-solute splitting"). Rounding errors are removed in every flight: x is normalised, v projected onto the tangent
space and rescaled to its previous length.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import gammaln

from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.spaces.base import Array, Space

_ON_SPHERE = 1e-6
"""Tolerance of |x| from 1: a file may store positions in single precision."""


@register
class Sphere(Space):
    """The unit sphere |x| = 1 in D coordinates, S^(D-1)."""

    curved: ClassVar[bool] = True

    kind: Literal["sphere"] = "sphere"
    dimensions: Annotated[int, Field(ge=2)]
    """D, the number of coordinates of a particle; the sphere itself has dimension D - 1."""

    @property
    def freedom(self) -> int:
        """Independent components of a particle's velocity: D - 1."""
        return self.dimensions - 1

    @property
    def ricci(self) -> float:
        """D - 2 [1/length^2]."""
        return self.dimensions - 2.0

    @property
    def outer_radius(self) -> float:
        """1 [length]."""
        return 1.0

    @property
    def volume(self) -> float:
        """Area of the sphere, 2 pi^(D/2) / Gamma(D/2) [length^(D-1)]."""
        half = 0.5 * self.dimensions
        with np.errstate(under="ignore"):
            return float(2.0 * np.exp(half * math.log(math.pi) - gammaln(half)))

    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """Flight along great circles."""
        circle(positions, velocities, float(time_step))

    def settle(self, positions: NDArray[np.floating[Any]]) -> None:
        """x <- x / |x|, in place. The centre has no direction and becomes NaN, which `contains` rejects."""
        normalise(positions)

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) whether |x| is 1, to single precision."""
        return np.asarray(np.abs(np.linalg.norm(positions, axis=1) - 1.0) < _ON_SPHERE)

    def tangent(self, positions: NDArray[Any], vectors: Array) -> None:
        """v <- v - (v.x) x for x on the sphere, in place."""
        project(positions, vectors)

    def uniform(self, chance: np.random.Generator, count: int) -> Array:
        """(count, D) positions distributed uniformly on the sphere."""
        normal = chance.standard_normal((count, self.dimensions))
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        return normal


@jit(**EXACT_PARALLEL)
def circle(positions, velocities, time_step):  # type: ignore[no-untyped-def]
    """Great circles over a time, in place; arrays (N, D)."""
    for i in prange(positions.shape[0]):
        speed2 = 0.0
        for j in range(positions.shape[1]):
            speed2 += velocities[i, j] * velocities[i, j]
        speed = math.sqrt(speed2)
        angle = speed * time_step
        cosine = math.cos(angle)
        reach = time_step * math.sin(angle) / angle if angle != 0.0 else time_step  # sin(s h) / s
        xx, xv, vv = 0.0, 0.0, 0.0
        for j in range(positions.shape[1]):
            x, v = positions[i, j], velocities[i, j]
            positions[i, j] = cosine * x + reach * v
            velocities[i, j] = cosine * v - speed2 * reach * x
            xx += positions[i, j] * positions[i, j]
            xv += positions[i, j] * velocities[i, j]
            vv += velocities[i, j] * velocities[i, j]
        unit = 1.0 / math.sqrt(xx) if xx > 0.0 else np.nan
        outward = xv * unit * unit
        tangent2 = vv - xv * outward
        scale = speed / math.sqrt(tangent2) if tangent2 > 0.0 else 1.0
        for j in range(positions.shape[1]):
            velocities[i, j] = scale * (velocities[i, j] - outward * positions[i, j])
            positions[i, j] *= unit


@jit(**EXACT_PARALLEL)
def normalise(positions):  # type: ignore[no-untyped-def]
    """x_i <- x_i / |x_i|, in place; array (N, D)."""
    for i in prange(positions.shape[0]):
        norm2 = 0.0
        for j in range(positions.shape[1]):
            norm2 += positions[i, j] * positions[i, j]
        unit = 1.0 / math.sqrt(norm2) if norm2 > 0.0 else np.nan
        for j in range(positions.shape[1]):
            positions[i, j] *= unit


@jit(**EXACT_PARALLEL)
def project(positions, vectors):  # type: ignore[no-untyped-def]
    """v_i <- v_i - (v_i.x_i) x_i, in place; arrays (N, D)."""
    for i in prange(positions.shape[0]):
        outward = 0.0
        for j in range(positions.shape[1]):
            outward += vectors[i, j] * positions[i, j]
        for j in range(positions.shape[1]):
            vectors[i, j] -= outward * positions[i, j]
