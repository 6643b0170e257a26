"""A periodic box: a torus, without walls."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.registry import register
from gasfield.spaces.base import Array
from gasfield.spaces.flight import fly
from gasfield.spaces.sides import Sided


@register
class Periodic(Sided):
    """A box that is periodic along every coordinate.

    Positions are not wrapped, so that displacements can be measured across sides.
    """

    homogeneous: ClassVar[bool] = True

    kind: Literal["periodic"] = "periodic"

    @property
    def periods(self) -> Array:
        """(D,) the sides [length]."""
        return self.edges

    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """x <- x + v h."""
        fly(positions, velocities, float(time_step))

    def wrapped(self, positions: NDArray[Any]) -> Array:
        """A copy of positions (N, D), each coordinate in [-L/2, L/2)."""
        edges = self.edges
        places = positions - edges * np.floor(positions / edges + 0.5)
        # Rounding may give the upper side, which is equivalent to the lower one, or a position just below the lower.
        places = np.where(places >= 0.5 * edges, -0.5 * edges, places)
        return np.maximum(places, -0.5 * edges)
