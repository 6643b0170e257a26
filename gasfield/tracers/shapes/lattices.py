"""Lattices: hexagonal, body- and face-centred cubic, D4 and E8, with bonds between nearest neighbours.

Coordination numbers 6, 8, 12, 24 and 240; except the body-centred one these are the densest lattices of their
dimensions (Conway and Sloane, Sphere Packings, Lattices and Groups, chapter 1).
"""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure, nearest_bonded

Side = Annotated[int, Field(ge=1)]


@register
class Hexagonal(Shape):
    """A hexagon cut from the triangular lattice (k = 2): a point and rings of six neighbours, twelve, ..."""

    kind: Literal["hexagonal"] = "hexagonal"
    rings: Annotated[int, Field(ge=1)]
    """n rings make 1 + 3 n (n + 1) points."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return 1 + 3 * self.rings * (self.rings + 1)

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours."""
        steps = range(-self.rings, self.rings + 1)
        sites = [(i + j / 2, j * np.sqrt(0.75)) for i, j in product(steps, steps) if abs(i + j) <= self.rings]
        return nearest_bonded(np.array(sites), self.spacing)


@register
class Bcc(Shape):
    """A block of the body-centred cubic lattice (k = 3), with all boundary sites."""

    kind: Literal["bcc"] = "bcc"
    side: Side
    """Cells along an edge; n make (n + 1)^3 + n^3 points."""
    spacing: Spacing
    """Distance of neighbours, sqrt(3)/2 of a cell [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return (self.side + 1) ** 3 + self.side**3

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours."""
        return nearest_bonded(_block(self.side, [(1, 1, 1)]), self.spacing)


@register
class Fcc(Shape):
    """A block of the face-centred cubic lattice (k = 3), with all boundary sites."""

    kind: Literal["fcc"] = "fcc"
    side: Side
    """Cells along an edge; n make (n + 1)^3 + 3 n^2 (n + 1) points."""
    spacing: Spacing
    """Distance of neighbours, sqrt(1/2) of a cell [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return (self.side + 1) ** 3 + 3 * self.side**2 * (self.side + 1)

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours."""
        return nearest_bonded(_block(self.side, [(1, 1, 0), (1, 0, 1), (0, 1, 1)]), self.spacing)


@register
class D4(Shape):
    """The first shells of the D4 lattice (k = 4) about a point."""

    kind: Literal["d4"] = "d4"
    shells: Annotated[int, Field(ge=1, le=3)] = 1
    """1, 2 or 3 shells: 24, 48 or 144 points about the central one."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return (25, 49, 145)[self.shells - 1]

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours: integers whose sum is even."""
        reach = range(-2, 3)
        sites = np.array([site for site in product(*[reach] * 4) if sum(site) % 2 == 0])
        return nearest_bonded(sites[np.sum(sites**2, axis=1) <= 2 * self.shells], self.spacing)


@register
class E8(Shape):
    """The 240 shortest vectors of the E8 lattice (k = 8) about a point."""

    kind: Literal["e8"] = "e8"
    spacing: Spacing
    """Distance of neighbours [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return 241

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours: two entries of +-1, or all of +-1/2 with an even number of -."""
        sites = [np.zeros(8)]
        for (i, j), (a, b) in product(combinations(range(8), 2), product((1.0, -1.0), repeat=2)):
            sites.append(a * np.eye(8)[i] + b * np.eye(8)[j])
        halves = np.array(list(product((0.5, -0.5), repeat=8)))
        return nearest_bonded(np.vstack([*sites, halves[np.sum(halves < 0, axis=1) % 2 == 0]]), self.spacing)


def _block(side: int, inner: list[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Corners of cells and the given sites within them, in half cells, limited to the block."""
    corners = 2 * np.array(list(product(range(side + 1), repeat=3)))
    sites = np.vstack([corners, *(corners + np.array(place) for place in inner)])
    return sites[(sites <= 2 * side).all(axis=1)]
