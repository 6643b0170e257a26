"""Shapes of tracer structures: points in k dimensions, centred on the origin, and the bonds that tie neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.spec import Spec

Spacing = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Structure:
    """Points (M, k) centred on the origin, and bonds (B, 2): pairs of point indices."""

    points: NDArray[np.float64]
    bonds: NDArray[np.int64]


class Line(Spec):
    """Equally spaced points on a line (k = 1)."""

    kind: Literal["line"] = "line"
    count: Annotated[int, Field(ge=2)]
    """Number of points."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    def structure(self) -> Structure:
        """The points and the bonds of neighbours."""
        return _grid((self.count,), self.spacing)


class Square(Spec):
    """A square sheet (k = 2)."""

    kind: Literal["square"] = "square"
    side: Annotated[int, Field(ge=2)]
    """Points along an edge."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    def structure(self) -> Structure:
        """The points and the bonds of neighbours."""
        return _grid((self.side,) * 2, self.spacing)


class Cubic(Spec):
    """A simple cubic lattice (k = 3)."""

    kind: Literal["cubic"] = "cubic"
    side: Annotated[int, Field(ge=2)]
    """Points along an edge."""
    spacing: Spacing
    """Distance of neighbours [length]."""

    def structure(self) -> Structure:
        """The points and the bonds of neighbours."""
        return _grid((self.side,) * 3, self.spacing)


Shape = Annotated[Line | Square | Cubic, Field(discriminator="kind")]


def _grid(counts: tuple[int, ...], spacing: float) -> Structure:
    """A rectangular grid in which points that differ by one step along one axis are bonded."""
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
