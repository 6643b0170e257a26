"""Free space, R^D."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from gasfield.registry import register
from gasfield.spaces.base import Array, Space
from gasfield.spaces.flight import fly


@register
class Free(Space):
    """Unbounded Euclidean space R^D."""

    bounded: ClassVar[bool] = False
    homogeneous: ClassVar[bool] = True

    kind: Literal["free"] = "free"

    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """x <- x + v h."""
        fly(positions, velocities, float(time_step))
