"""What a space is: where particles may be, and how they move there when no force acts.

A space has no state, so its typed description is the space itself. Everything that moves a particle, whatever the law
of motion, does it by `drift`: the exact free flight over a time, with billiard reflections at hard walls and along
great circles on a sphere. Reflections and great circles keep phase-space volume and can be run backwards, so a scheme
made of drifts, kicks and noise keeps in every space what it keeps in a free one.
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
"""How far beyond a wall, relative to the size of the space, a position is still taken to be inside."""


class Space(Spec):
    """Where particles live. Boxes, balls and the sphere have their centre at the origin."""

    bounded: ClassVar[bool] = True
    """Whether its volume is finite; False where it is all of R^D."""
    homogeneous: ClassVar[bool] = False
    """Whether all places are alike, so that forces between particles keep the total momentum."""
    curved: ClassVar[bool] = False
    """Whether vectors at different places have different tangent spaces."""

    kind: str
    dimensions: Annotated[int, Field(ge=1)]
    """D, the number of coordinates of a particle."""

    @property
    def freedom(self) -> int:
        """Independent components of a particle's velocity: D, or D - 1 on the sphere."""
        return self.dimensions

    @property
    def ricci(self) -> float:
        """Ricci curvature in every direction [1/length^2]: how much faster free flights come together than in R^D."""
        return 0.0

    @property
    def periods(self) -> Array:
        """(D,) lengths after which the space repeats itself; 0 where it does not [length]."""
        return np.zeros(self.dimensions)

    @property
    def volume(self) -> float:
        """Volume [length^D] (area on the sphere); infinite where nothing bounds it.

        In hundreds of dimensions it can leave the range of a float64: then it is 0 or infinite.
        """
        return np.inf

    @property
    def edges(self) -> Array | None:
        """(D,) sides of a box, with walls or periodic [length]; None where the space is no box."""
        return None

    @property
    def outer_radius(self) -> float | None:
        """Radius of a ball, or of a sphere where `curved` [length]; None where the space is neither."""
        return None

    @property
    def wall_area(self) -> float:
        """Area of the hard walls [length^(D-1)]; 0 where there are none."""
        return 0.0

    @abstractmethod
    def drift(self, positions: NDArray[Any], velocities: Array, time_step: float, turned: Array) -> None:
        """Free flight over a time, in place.

        Args:
            positions: (N, D), inside the space; overwritten.
            velocities: (N, D), tangent where the space is curved; mirrored at walls, carried along on a sphere.
            time_step: how long [time]; below zero, the flight is run backwards.
            turned: (N,); at every hit of a wall the change of velocity 2 |v_n| is added [length/time].
        """

    def settle(self, positions: NDArray[np.floating[Any]]) -> None:
        """Brings positions (N, D) that left the space by a rounding error, or were drawn elsewhere, back into it:
        folded at walls, scaled onto the sphere. In place; default: every place is in the space."""
        return None

    def wrapped(self, positions: NDArray[Any]) -> Array:
        """A copy of positions (N, D) in which places that are the same look the same: [-L/2, L/2) along a period L."""
        return positions.copy()

    def uniform(self, chance: np.random.Generator, count: int) -> Array:
        """(count, D) positions spread evenly over the space.

        Raises:
            InputError: if nothing bounds the space.
        """
        raise InputError("a space that nothing bounds has no uniform distribution; draw a cloud, or give it walls.")

    def contains(self, positions: NDArray[Any]) -> NDArray[np.bool_]:
        """(N,) whether each position (N, D) is in the space; not so where it is not finite."""
        return np.asarray(np.isfinite(positions).all(axis=1))

    def tangent(self, positions: NDArray[Any], vectors: Array) -> None:
        """Takes out of vectors (N, D), in place, what points out of the space at positions (N, D); default: nothing."""
        return None


SPACES = Registry("space", Space, package="gasfield.spaces")
"""`kind` -> every space."""

SpaceSpec = Annotated[Space, SPACES.by_kind]
"""Any registered space."""
