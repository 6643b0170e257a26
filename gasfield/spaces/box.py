"""A box with hard walls: billiards, by mirror images."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.spaces.base import ROUNDING, Array
from gasfield.spaces.fold import facing, folded, image_of
from gasfield.spaces.sides import Sided


@register
class Box(Sided):
    """A box with hard walls at -L/2 and L/2 along every coordinate."""

    kind: Literal["box"] = "box"

    @property
    def wall_area(self) -> float:
        """Two faces of area V / L_j for each coordinate [length^(D-1)]."""
        return float(np.sum(2.0 * self.volume / self.edges))

    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """Free flight, each coordinate reflected at its walls."""
        edges = self.edges
        reflect(positions, velocities, float(time_step), 0.5 * edges, 1.0 / edges, turned)

    def settle(self, positions: NDArray[np.floating[Any]]) -> None:
        """Folds positions (N, D) at the walls, in place."""
        edges = self.edges
        fold(positions, 0.5 * edges, 1.0 / edges)

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) whether all coordinates are between the walls, up to rounding."""
        return np.asarray((np.abs(positions) <= 0.5 * (1.0 + ROUNDING) * self.edges).all(axis=1))


@jit(**EXACT_PARALLEL)
def reflect(positions, velocities, time_step, halves, inverse_sides, turned):  # type: ignore[no-untyped-def]
    """Billiard flight in a box, in place; arrays (N, D), halves and inverse sides (D,), turned (N,)."""
    for i in prange(positions.shape[0]):
        change = 0.0
        for j in range(positions.shape[1]):
            place = positions[i, j] + velocities[i, j] * time_step
            image = image_of(place, halves[j], inverse_sides[j])
            change += abs(image * velocities[i, j])
            positions[i, j] = folded(place, halves[j], image)
            velocities[i, j] *= facing(image)
        turned[i] += 2.0 * change


@jit(**EXACT_PARALLEL)
def fold(positions, halves, inverse_sides):  # type: ignore[no-untyped-def]
    """Folds positions (N, D) into a box, in place; halves and inverse sides (D,)."""
    for i in prange(positions.shape[0]):
        for j in range(positions.shape[1]):
            image = image_of(positions[i, j], halves[j], inverse_sides[j])
            positions[i, j] = folded(positions[i, j], halves[j], image)
