"""The sides of a box, with walls or periodic."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gasfield.spaces.base import Array, Space

Length = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Sided(Space):
    """The positions with |x_j| <= L_j / 2 in every coordinate."""

    side: Length | None = None
    """L, the same for all coordinates [length]."""
    sides: tuple[Length, ...] | None = None
    """L_j, one for each coordinate [length]."""

    @model_validator(mode="after")
    def _one_length_each(self) -> Self:
        if (self.side is None) == (self.sides is None):
            raise PydanticCustomError("sides", "give either side, one length for all coordinates, or sides")
        if self.sides is not None and len(self.sides) != self.dimensions:
            raise PydanticCustomError(
                "sides",
                "sides: {given} lengths are given; the space has {dimensions} dimensions",
                {"given": len(self.sides), "dimensions": self.dimensions},
            )
        return self

    @property
    def edges(self) -> Array:
        """(D,) sides L_j [length]."""
        return np.full(self.dimensions, self.side) if self.sides is None else np.array(self.sides)

    @property
    def volume(self) -> float:
        """The product of all sides [length^D]."""
        with np.errstate(over="ignore", under="ignore"):
            return float(np.prod(self.edges))

    def uniform(self, chance: np.random.Generator, count: int) -> Array:
        """(count, D) positions distributed uniformly in the box."""
        return (chance.random((count, self.dimensions)) - 0.5) * self.edges
