"""A periodic box: a torus, without walls."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.spaces.base import Array
from gasfield.spaces.flight import fly
from gasfield.spaces.sides import Sided

FARTHEST = 2.0**52
"""Periods beyond which a float64 has no digits left for the position within a period."""


@register
class Periodic(Sided):
    """A box that is periodic along every coordinate.

    A gas that moves in it has wrapped positions and counts the periods of each particle (`Gas.images`), so that
    nothing is lost however far it travels; trajectories hold unwrapped positions, so that displacements can be measured
    across sides.
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

    def wrap(self, positions: NDArray[Any], images: NDArray[np.int64]) -> None:
        """Maps positions (N, D) to [-L/2, L/2), in place, and adds the number of periods to images (N, D)."""
        _wrap(positions, images, self.edges)

    def wrapped(self, positions: NDArray[Any]) -> Array:
        """A copy of positions (N, D), each coordinate in [-L/2, L/2)."""
        places = np.array(positions, np.float64, order="C")
        _wrap(places, np.zeros(places.shape, np.int64), self.edges)
        return places

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) whether each position is finite and so near that it still has digits within a period."""
        return np.asarray((np.abs(positions) <= FARTHEST * self.edges).all(axis=1))


@jit(**EXACT_PARALLEL)
def _wrap(positions, images, edges):  # type: ignore[no-untyped-def]
    """x <- x - n L, image += n; arrays (N, D), edges (D,). A position without digits within a period becomes NaN."""
    for i in prange(positions.shape[0]):
        for j in range(positions.shape[1]):
            half = 0.5 * edges[j]
            if not -half <= positions[i, j] < half:
                positions[i, j], away = wrap_one(positions[i, j], edges[j])
                images[i, j] += away


@jit(**EXACT)
def wrap_one(place, edge):  # type: ignore[no-untyped-def]
    """A coordinate outside [-L/2, L/2), mapped into it, and the number of periods that it was away."""
    half = 0.5 * edge
    away = np.floor(place / edge + 0.5)
    if not abs(away) <= FARTHEST:
        return np.nan, 0
    place -= away * edge
    # The quotient may round to the next period; one more period is exact (Sterbenz, 1974).
    if place >= half:
        place, away = place - edge, away + 1.0
    elif place < -half:
        place, away = place + edge, away - 1.0
    return min(max(place, -half), np.nextafter(half, 0.0)), np.int64(away)
