"""Curves: ring and helix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure, chained


@register
class Ring(Shape):
    """Equally spaced points on a circle (k = 2)."""

    kind: Literal["ring"] = "ring"
    count: Annotated[int, Field(ge=3)]
    """Number of points."""
    radius: Spacing
    """Of the ring [length]."""

    @property
    def size(self) -> int:
        """Number of points."""
        return self.count

    def structure(self, find: Find = Path) -> Structure:
        """The points, each bonded to its two neighbours."""
        angle = 2 * np.pi * np.arange(self.count) / self.count
        return chained(self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), closed=True)


@register
class Helix(Shape):
    """Equally spaced points on a right-handed helix about the third axis (k = 3)."""

    kind: Literal["helix"] = "helix"
    count: Annotated[int, Field(ge=3)]
    """Number of points."""
    radius: Spacing
    """Of the cylinder on which it winds [length]."""
    pitch: Spacing
    """Rise per turn [length]."""
    turns: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    """Number of turns from the first point to the last."""

    @property
    def size(self) -> int:
        """Number of points."""
        return self.count

    def structure(self, find: Find = Path) -> Structure:
        """The points, each bonded to the next."""
        angle = 2 * np.pi * self.turns * np.linspace(0, 1, self.count)
        circle = self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return chained(np.column_stack([circle, self.pitch * angle / (2 * np.pi)]), closed=False)
