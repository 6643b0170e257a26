"""Regular polytopes of any dimension: simplex, cross-polytope and the corners of a hypercube."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure, nearest_bonded


@register
class Simplex(Shape):
    """k + 1 equidistant points."""

    kind: Literal["simplex"] = "simplex"
    dimensions: Annotated[int, Field(ge=1, le=1024)]
    """k."""
    spacing: Spacing
    """Distance of any two points [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return self.dimensions + 1

    def structure(self, find: Find = Path) -> Structure:
        """The points, each bonded to all others."""
        # Unit vectors of k + 1 dimensions, in coordinates of the hyperplane that they span.
        corners = np.eye(self.dimensions + 1) - 1 / (self.dimensions + 1)
        axes = np.linalg.svd(corners)[2][: self.dimensions]
        pairs = np.stack(np.triu_indices(self.dimensions + 1, 1), axis=1)
        return Structure(corners @ axes.T * (self.spacing / np.sqrt(2)), pairs.astype(np.int64))


@register
class CrossPolytope(Shape):
    """2k points: plus and minus along every axis (k = 3: the octahedron)."""

    kind: Literal["cross_polytope"] = "cross_polytope"
    dimensions: Annotated[int, Field(ge=2, le=1024)]
    """k."""
    spacing: Spacing
    """Distance of neighbours, sqrt(2) of the distance from the centre [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return 2 * self.dimensions

    def structure(self, find: Find = Path) -> Structure:
        """The points, each bonded to all others except the opposite one."""
        return nearest_bonded(np.vstack([np.eye(self.dimensions), -np.eye(self.dimensions)]), self.spacing)


@register
class Hypercube(Shape):
    """The 2^k corners of a cube of k dimensions."""

    kind: Literal["hypercube"] = "hypercube"
    dimensions: Annotated[int, Field(ge=1, le=12)]
    """k."""
    spacing: Spacing
    """Length of an edge [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return 1 << self.dimensions

    def structure(self, find: Find = Path) -> Structure:
        """The points and the edges."""
        return nearest_bonded(np.array(list(product((0, 1), repeat=self.dimensions))), self.spacing)
