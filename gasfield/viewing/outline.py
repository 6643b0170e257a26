"""What is drawn of the space of a simulation: walls, the sphere, the sides of a periodic box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import Origin
from gasfield.trajectory import Trajectory


@dataclass(frozen=True)
class Outline:
    """A space in its own coordinates.

    Attributes:
        radius: of a ball or sphere around the origin [length]; None for others.
        curved: whether positions are on the sphere, not inside.
        sides: (D,) of a box around the origin, 0 along coordinates without walls or period; None for others.
        periods: (D,) after which coordinates repeat, 0 where they do not.
    """

    periods: NDArray[np.float64]
    radius: float | None = None
    curved: bool = False
    sides: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, trajectory: Trajectory) -> Self:
        """That of a trajectory: from its scenario, else from the periods that the file states."""
        context = Origin.of(trajectory).context
        space = None if context is None else context.space
        periods = trajectory.periods
        if space is None:
            return cls(periods, sides=periods if periods.any() else None)
        sides = space.edges if space.edges is not None else (periods if periods.any() else None)
        return cls(periods, space.outer_radius, space.curved, sides)

    def wrapped(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (..., D) moved by whole periods into the box around the origin."""
        if not self.periods.any():
            return positions
        repeats = np.where(self.periods > 0, self.periods, np.inf)
        with np.errstate(invalid="ignore"):
            whole: NDArray[np.float64] = np.floor(positions / repeats + 0.5)
        return positions - self.periods * whole

    @property
    def corners(self) -> NDArray[np.float64]:
        """(2, D) lowest and highest corner of what is drawn; NaN along coordinates without."""
        half = np.full(len(self.periods), np.nan if self.radius is None else self.radius)
        if self.sides is not None:
            half = np.where(self.sides > 0, 0.5 * self.sides, np.nan)
        return np.stack([-half, half])

    def described(self) -> dict[str, Any] | None:
        """For JSON; None if there is nothing to draw."""
        if self.radius is not None:
            return {"kind": "sphere", "radius": self.radius, "curved": self.curved}
        if self.sides is not None and self.sides.any():
            return {"kind": "box", "sides": self.sides.tolist()}
        return None
