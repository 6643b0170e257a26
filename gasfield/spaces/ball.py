"""A ball with a hard wall: billiards in closed form.

A path in a ball stays in the plane of x and v. All its chords are equally long, and each is the previous one rotated by
the same angle in that plane. So the state after any number of hits is explicit: the number of chords in the given time,
one rotation, and a remainder of straight flight. In the limit of grazing incidence a particle slides along the wall.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray
from scipy.special import gammaln

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.spaces.base import ROUNDING, Array, Space
from gasfield.spaces.fold import folded, image_of
from gasfield.spaces.sides import Length

_GRAZING = 1e-16
"""Least sine of the angle between path and wall, at the level of rounding. Keeps the length of chords positive."""


@register
class Ball(Space):
    """The positions with |x| <= R."""

    kind: Literal["ball"] = "ball"
    radius: Length
    """R [length]."""

    @property
    def outer_radius(self) -> float:
        """R [length]."""
        return self.radius

    @property
    def volume(self) -> float:
        """pi^(D/2) R^D / Gamma(D/2 + 1) [length^D]."""
        half = 0.5 * self.dimensions
        with np.errstate(over="ignore", under="ignore"):
            return float(np.exp(half * math.log(math.pi) + self.dimensions * math.log(self.radius) - gammaln(half + 1)))

    @property
    def wall_area(self) -> float:
        """D V / R [length^(D-1)]; in one dimension the wall is two points."""
        return self.dimensions * self.volume / self.radius

    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """Free flight with specular reflection."""
        if time_step < 0.0:  # a flight backwards is one forwards with reversed velocity
            np.negative(velocities, out=velocities)
        bounce(positions, velocities, abs(float(time_step)), self.radius, turned)
        if time_step < 0.0:
            np.negative(velocities, out=velocities)

    def settle(self, positions: NDArray[np.floating[Any]]) -> None:
        """Folds positions (N, D) at the wall along their radius, in place."""
        fold_radius(positions, self.radius)

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) whether |x| <= R, up to rounding."""
        return np.asarray(np.linalg.norm(positions, axis=1) <= self.radius * (1.0 + ROUNDING))

    def uniform(self, chance: np.random.Generator, count: int) -> Array:
        """(count, D) positions distributed uniformly in the ball: the D-th power of the radius is uniform."""
        normal = chance.standard_normal((count, self.dimensions))
        radius = self.radius * chance.random(count) ** (1.0 / self.dimensions)
        normal *= (radius / np.linalg.norm(normal, axis=1))[:, None]
        return normal


@jit(**EXACT_PARALLEL)
def bounce(positions, velocities, time_step, radius, turned):  # type: ignore[no-untyped-def]
    """Billiard flight in a ball, in place; arrays (N, D), turned (N,), time step >= 0."""
    for i in prange(positions.shape[0]):
        turned[i] += bounce_one(positions[i], velocities[i], time_step, radius)


@jit(**EXACT)
def bounce_one(x, v, time, radius):  # type: ignore[no-untyped-def]
    """Billiard flight of one particle, x and v (D,), in place. Returns the sum of 2 |v_n| over its hits."""
    radial, speed2, distance2 = 0.0, 0.0, 0.0
    for j in range(x.shape[0]):
        radial += x[j] * v[j]
        speed2 += v[j] * v[j]
        distance2 += x[j] * x[j]
    ahead2 = distance2 + (2.0 * radial + speed2 * time) * time
    # Time to the first hit: a root of a quadratic equation, without cancellation. Particles at rest or of non-finite
    # speed hit nothing (so that non-finite states are detected), nor do those on the wall that move inwards.
    first = np.inf
    if radius * radius < ahead2 < np.inf and speed2 > 0.0:
        room = max(radius * radius - distance2, 0.0)
        root = math.sqrt(radial * radial + speed2 * room)
        first = room / (radial + root) if radial > 0.0 else (root - radial) / speed2
    if not first <= time:
        for j in range(x.shape[0]):
            x[j] += v[j] * time
        return 0.0
    time -= first

    x_norm2, normal = 0.0, 0.0
    for j in range(x.shape[0]):
        x[j] += v[j] * first
        x_norm2 += x[j] * x[j]
        normal += x[j] * v[j]
    unit = 1.0 / math.sqrt(x_norm2)

    # In the frame of unit normal e = x |x|^-1 and tangent t = v - (v.e) e: v = normal e + t.
    normal = max(normal * unit, _GRAZING * math.sqrt(speed2))
    along2 = 0.0
    for j in range(x.shape[0]):
        along2 += (v[j] - normal * unit * x[j]) ** 2
    along = math.sqrt(along2)

    # Number of complete chords, one rotation for all of them, and the remaining part of the last one.
    chord = 2.0 * normal * radius / speed2
    chords = np.floor(time / chord)
    left = min(max(time - chords * chord, 0.0), chord)
    angle = 2.0 * chords * math.atan2(normal, along)
    cosine, sine = math.cos(angle), math.sin(angle)
    height, slide = radius - left * normal, left * along
    per_along = 1.0 / along if along > 0.0 else 0.0
    x_e, x_t = (height * cosine - slide * sine) * unit, (height * sine + slide * cosine) * per_along
    v_e, v_t = -(normal * cosine + along * sine) * unit, (along * cosine - normal * sine) * per_along
    after2 = 0.0
    for j in range(x.shape[0]):
        e, t = x[j], v[j] - normal * unit * x[j]
        x[j] = x_e * e + x_t * t
        v[j] = v_e * e + v_t * t
        after2 += v[j] * v[j]
    scale = math.sqrt(speed2 / after2) if after2 > 0.0 else 1.0  # against accumulation of rounding errors
    for j in range(x.shape[0]):
        v[j] *= scale
    return 2.0 * normal * (1.0 + chords)


@jit(**EXACT_PARALLEL)
def fold_radius(positions, radius):  # type: ignore[no-untyped-def]
    """Folds positions (N, D) into a ball along their radius, in place."""
    inverse = 0.5 / radius
    for i in prange(positions.shape[0]):
        norm2 = 0.0
        for j in range(positions.shape[1]):
            norm2 += positions[i, j] * positions[i, j]
        norm = math.sqrt(norm2)
        if norm > radius:
            scale = folded(norm, radius, image_of(norm, radius, inverse)) / norm
            for j in range(positions.shape[1]):
                positions[i, j] *= scale
