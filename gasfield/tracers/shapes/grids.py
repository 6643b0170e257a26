"""Grids: line, sheet and cubic lattice."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure

Count = Annotated[int, Field(ge=2)]


@register
class Line(Shape):
    """Equally spaced points on a line (k = 1)."""

    kind: Literal["line"] = "line"
    count: Count
    """Number of points."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return self.count

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours."""
        return _grid((self.count,), self.spacing)


@register
class Sheet(Shape):
    """A square grid (k = 2)."""

    kind: Literal["sheet"] = "sheet"
    side: Count | tuple[Count, Count]
    """Points along an edge, or along each of the two."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return self.side**2 if isinstance(self.side, int) else self.side[0] * self.side[1]

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours."""
        return _grid((self.side,) * 2 if isinstance(self.side, int) else self.side, self.spacing)


@register
class Cubic(Shape):
    """A simple cubic lattice of k dimensions."""

    kind: Literal["cubic"] = "cubic"
    side: Count
    """Points along an edge."""
    spacing: Spacing
    """Distance of neighbours [length]."""
    dimensions: Annotated[int, Field(ge=1, le=12)] = 3
    """k."""

    @property
    def size(self) -> int:
        """Number of points."""
        return int(self.side**self.dimensions)

    def structure(self, find: Find = Path) -> Structure:
        """The points and the bonds of neighbours."""
        return _grid((self.side,) * self.dimensions, self.spacing)


def _grid(counts: tuple[int, ...], spacing: float) -> Structure:
    """A rectangular grid with bonds between nearest neighbours along each axis."""
    sites = np.array(list(product(*(range(count) for count in counts))))
    number = np.arange(len(sites)).reshape(counts)
    bonds = [
        np.stack(
            [np.take(number, range(count - 1), axis).ravel(), np.take(number, range(1, count), axis).ravel()], axis=1
        )
        for axis, count in enumerate(counts)
    ]
    points = spacing * (sites - (np.array(counts) - 1) / 2)
    return Structure(points, np.concatenate(bonds).astype(np.int64))
