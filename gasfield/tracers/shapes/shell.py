"""Points spread evenly over a sphere of any dimension.

On the circle they are equally spaced. In three dimensions and more their angles are quantiles of the uniform
distribution: at (n + 1/2)/N for the first angle, and at the fractional parts of n/g, n/g^2, ... for the others, where g
is the root of g^(k-1) = g + 1, the golden ratio or one of its generalisations (Roberts 2018). For k = 3 this is the
Fibonacci sphere (Swinbank and Purser, Q. J. R. Meteorol. Soc. 132:1769, 2006). For k > 3, up to 2,000 points are then
relaxed under mutual repulsion. Finally the points are moved so that their mean is the centre and their second moments
are those of the sphere: a spherical 2-design, to rounding (only the mean if there are no more points than dimensions,
or more than 256 dimensions).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import scipy
from pydantic import Field
from scipy.special import betaincinv

from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure, Values, bonded

_ROUNDS = 60
_WHITENED = 256
_REPELLED, _STEPS, _POWER = 2000, 120, 12


@register
class Shell(Shape):
    """Points spread evenly over a sphere."""

    kind: Literal["shell"] = "shell"
    count: Annotated[int, Field(ge=4, le=100_000)]
    """Number of points."""
    radius: Spacing
    """Distance of the points from the centre [length]."""
    dimensions: Annotated[int, Field(ge=2, le=4096)] = 3
    """k: the sphere is the surface of a ball of k dimensions."""

    @property
    def size(self) -> int:
        """Number of points."""
        return self.count

    def structure(self, find: Find = Path) -> Structure:
        """The points, with bonds up to 1.35 times the mean distance of nearest neighbours."""
        points = self.radius * spread_evenly(self.count, self.dimensions)
        nearest = scipy.spatial.cKDTree(points).query(points, k=2)[0][:, 1]
        return bonded(points, 1.35 * float(np.mean(nearest)))


def spread_evenly(count: int, dimensions: int) -> Values:
    """(count, dimensions) unit vectors."""
    if dimensions == 2:
        angle = 2 * np.pi * np.arange(count) / count
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = _quantiles(count, dimensions)
    if dimensions > 3 and count <= _REPELLED:
        _repel(points)
    for _ in range(_ROUNDS):
        points -= points.mean(axis=0)
        if dimensions < count and dimensions <= _WHITENED:
            left, _, right = np.linalg.svd(points, full_matrices=False)
            points = left @ right
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points


def _repel(points: Values) -> None:
    """Moves unit vectors apart, in place: gradient descent on the sum of d^-p over pairs with decreasing steps and a
    high p, so that the nearest pairs dominate. In many dimensions quantiles alone do not separate neighbours."""
    step = 0.5
    for _ in range(_STEPS):
        closeness = points @ points.T
        np.fill_diagonal(closeness, -1.0)
        apart = np.maximum(2.0 - 2.0 * closeness, 1e-9)  # squared distances
        weights = (apart.min() / apart) ** (_POWER / 2 + 1)
        push = points * weights.sum(axis=1, keepdims=True) - weights @ points
        push -= points * np.sum(push * points, axis=1, keepdims=True)
        points += step * push / max(float(np.linalg.norm(push, axis=1).max()), 1e-300) * np.sqrt(apart.min())
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        step *= 0.97


def _quantiles(count: int, dimensions: int) -> Values:
    """The density of the j-th angle is sin^p with p = k - 2 - j; its cosine is Beta-distributed with (p + 1)/2."""
    number, points, radius = np.arange(count), np.empty((count, dimensions)), np.ones(count)
    golden = scipy.optimize.brentq(lambda g: g ** (dimensions - 1) - g - 1.0, 1.0, 2.0)
    parts = [(number + 0.5) / count, *(np.mod(number / golden**j, 1.0) for j in range(1, dimensions - 1))]
    for j, part in enumerate(parts[:-1]):
        half = 0.5 * (dimensions - 1 - j)
        cosine = 1.0 - 2.0 * betaincinv(half, half, part)
        points[:, j] = radius * cosine
        radius = radius * np.sqrt(np.maximum(1.0 - cosine**2, 0.0))
    points[:, -2], points[:, -1] = radius * np.cos(2 * np.pi * parts[-1]), radius * np.sin(2 * np.pi * parts[-1])
    return points
