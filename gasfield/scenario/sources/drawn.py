"""Particles drawn from a distribution, or put at given places."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Finite, of_dimension
from gasfield.gas import Gas, require_finite
from gasfield.registry import register
from gasfield.scenario.sources.base import GasSource, SourceContext

Count = Annotated[int, Field(ge=1)]
Positions = NDArray[np.float64]


class PositionSource(GasSource):
    """A source of positions only: the particles are no tokens, and the clock starts at zero."""

    extent: ClassVar[str | None] = None
    """The key that decides how far apart the particles are."""

    @abstractmethod
    def positions(self, context: SourceContext) -> Positions:
        """(count, D) [length]."""

    def gas(self, context: SourceContext) -> Gas:
        """The particles, brought into a curved space by its own projection.

        Raises:
            InputError: if a position is not finite, or has no direction on the sphere.
        """
        gas = Gas(self.positions(context), names=[context.name])
        if context.space.curved:
            context.space.settle(gas.positions)
        require_finite(gas.positions, key=self.extent)
        return gas


@register
class FromGaussian(PositionSource):
    """An isotropic Gaussian cloud, as embeddings are initialised; on the sphere the uniform distribution."""

    extent: ClassVar[str | None] = "spread"

    kind: Literal["gaussian"] = "gaussian"
    count: Count
    """Number of particles."""
    spread: Annotated[float, Field(ge=0)] = 0.02
    """Standard deviation of each coordinate [length]."""
    centre: tuple[float, ...] | None = None
    """D coordinates; the origin if left out [length]."""

    def positions(self, context: SourceContext) -> Positions:
        """(count, D) [length]."""
        with np.errstate(over="ignore"):  # what is not finite is refused with the other starts
            cloud = self.spread * context.generator().standard_normal((self.count, context.dimensions))
        return cloud if self.centre is None else cloud + of_dimension(self.centre, context.dimensions, "centre")


@register
class FromUniform(PositionSource):
    """Uniformly distributed over a space that has a volume."""

    kind: Literal["uniform"] = "uniform"
    count: Count
    """Number of particles."""

    def positions(self, context: SourceContext) -> Positions:
        """(count, D) [length]."""
        return context.space.uniform(context.generator(), self.count)


@register
class FromWall(PositionSource):
    """Uniformly distributed over one face of a box: particles that enter through a wall.

    Of their velocities, those that point out of the box are reflected at once, so that thermal ones have the half of
    Maxwell's distribution that points inward.
    """

    kind: Literal["wall"] = "wall"
    count: Count
    """Number of particles."""
    axis: Annotated[int, Field(ge=0)] = 0
    """The coordinate that is constant on the face."""
    end: Literal["low", "high"] = "low"
    """Which of its two ends."""

    def positions(self, context: SourceContext) -> Positions:
        """(count, D) [length].

        Raises:
            InputError: if the space has no flat walls, or no such coordinate.
        """
        edges = context.space.edges
        if edges is None or context.space.wall_area == 0.0:
            raise InputError("only a box has walls that are flat: space: {kind: box, ...}.")
        if self.axis >= context.dimensions:
            raise InputError(f"the coordinates are 0 to {context.dimensions - 1}.", parameter="axis", value=self.axis)
        places = context.space.uniform(context.generator(), self.count)
        places[:, self.axis] = (0.5 if self.end == "high" else -0.5) * edges[self.axis]
        return places


@register
class FromPlaces(PositionSource):
    """Each particle at a place of its own."""

    extent: ClassVar[str | None] = "at"

    kind: Literal["places"] = "places"
    at: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)]
    """D coordinates of each [length]."""

    def positions(self, context: SourceContext) -> Positions:
        """(len(at), D) [length]."""
        return np.array([of_dimension(at, context.dimensions, f"at.{row}") for row, at in enumerate(self.at)])


@register
class FromPoint(PositionSource):
    """All at one place."""

    extent: ClassVar[str | None] = "at"

    kind: Literal["point"] = "point"
    count: Count = 1
    """Number of particles."""
    at: tuple[float, ...]
    """D coordinates [length]."""

    def positions(self, context: SourceContext) -> Positions:
        """(count, D) [length]."""
        return np.tile(of_dimension(self.at, context.dimensions, "at"), (self.count, 1))
