"""The interface of a space: the allowed positions, and free flight.

A space has no state, so its specification is the space itself. All dynamics move particles by `drift`: the exact free
flight over a time, with specular reflection at hard walls and along great circles on a sphere. Both are reversible and
preserve phase-space volume, so a scheme composed of drifts, kicks and noise has the same invariants in every space as
in free space.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.registry import Registry
from gasfield.spec import Spec

Array = NDArray[np.float64]

ROUNDING = 1e-12
"""Tolerance for positions beyond a wall, relative to the size of the space."""


class Space(Spec):
    """The set of allowed positions. Boxes, balls and the sphere are centred at the origin."""

    bounded: ClassVar[bool] = True
    """Whether its volume is finite; False for R^D."""
    homogeneous: ClassVar[bool] = False
    """Whether it is translation-invariant, so that forces between particles conserve total momentum."""
    curved: ClassVar[bool] = False
    """Whether the tangent space depends on the position."""

    kind: str
    dimensions: Annotated[int, Field(ge=1)]
    """D, the number of coordinates of a particle."""

    @property
    def freedom(self) -> int:
        """Independent components of a particle's velocity: D, or D - 1 on the sphere."""
        return self.dimensions

    @property
    def ricci(self) -> float:
        """Ricci curvature, the same in every direction [1/length^2]; 0 for a flat space."""
        return 0.0

    @property
    def periods(self) -> Array:
        """(D,) periods; 0 along coordinates that are not periodic [length]."""
        return np.zeros(self.dimensions)

    @property
    def volume(self) -> float:
        """Volume [length^D] (area on the sphere); infinite for an unbounded space.

        In hundreds of dimensions it can underflow or overflow float64: then it is 0 or infinite.
        """
        return np.inf

    @property
    def edges(self) -> Array | None:
        """(D,) sides of a box, with walls or periodic [length]; None for other spaces."""
        return None

    @property
    def outer_radius(self) -> float | None:
        """Radius of a ball, or of a sphere if `curved` [length]; None for other spaces."""
        return None

    @property
    def wall_area(self) -> float:
        """Area of the hard walls [length^(D-1)]; 0 without walls."""
        return 0.0

    @abstractmethod
    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """Free flight over a time, in place.

        Args:
            positions: (N, D), inside the space; overwritten.
            velocities: (N, D), tangent if the space is curved; reflected at walls, parallel-transported on a sphere.
            time_step: duration [time]; if negative, the flight is run backwards.
            turned: (N,); at every wall collision the change of velocity 2 |v_n| is added [length/time].
        """

    def settle(self, positions: NDArray[np.floating[Any]]) -> None:
        """Maps positions (N, D) outside the space (by rounding, or drawn elsewhere) into it, in place: folded at walls,
        scaled onto the sphere. Default: no change, every position is allowed."""
        return None

    def wrap(self, positions: NDArray[Any], images: NDArray[np.int64]) -> None:
        """Maps positions (N, D) to [-L/2, L/2) along coordinates of period L, in place, and adds the number of periods
        that each was away to images (N, D); default: no change."""
        return None

    def wrapped(self, positions: NDArray[Any]) -> Array:
        """A copy of positions (N, D), mapped to [-L/2, L/2) along coordinates of period L."""
        return positions.copy()

    def uniform(self, chance: np.random.Generator, count: int) -> Array:
        """(count, D) uniformly distributed positions.

        Raises:
            InputError: if the space is unbounded.
        """
        raise InputError("an unbounded space has no uniform distribution; draw a cloud, or use a bounded space.")

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) whether each position (N, D) is in the space; False for non-finite positions."""
        return np.asarray(np.isfinite(positions).all(axis=1))

    def tangent(self, positions: NDArray[Any], vectors: Array) -> None:
        """Projects vectors (N, D) onto the tangent spaces at positions (N, D), in place; default: no change."""
        return None


SPACES = Registry("space", Space, package="gasfield.spaces")
"""`kind` -> every space."""

AnySpace = Annotated[Space, SPACES.by_kind]
"""Any registered space."""
