"""Particles on the sites of a crystal lattice: a start in which no two overlap."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import of_dimension
from gasfield.registry import register
from gasfield.scenario.sources.base import SourceContext
from gasfield.scenario.sources.drawn import Count, Positions, PositionSource

_BASES: dict[str, NDArray[np.float64]] = {
    "hexagonal": np.array([[0.0, 0.0], [0.5, 0.5]]),
    "bcc": np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]),
    "fcc": np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]),
}
"""Sites of a cell, in units of its sides; a cubic cell has one, in any number of dimensions."""
_SHAPES: dict[str, tuple[float, ...]] = {"hexagonal": (1.0, np.sqrt(3.0))}
"""Sides of a cell relative to each other, where they are not equal."""
_NEAREST = {"cubic": 1.0, "hexagonal": 1.0, "bcc": np.sqrt(0.75), "fcc": np.sqrt(0.5)}
"""Distance of nearest neighbours in units of the first side of a cell."""


@register
class FromLattice(PositionSource):
    """Sites of a lattice. In a box or a periodic space its cells fill the space, stretched where their number along a
    side must be an integer; with a spacing they form a block about the origin."""

    extent: ClassVar[str | None] = "spacing"

    kind: Literal["lattice"] = "lattice"
    lattice: Literal["cubic", "hexagonal", "bcc", "fcc"] = "cubic"
    """Cubic in any number of dimensions (square in two), hexagonal in two, body- or face-centred cubic in three."""
    count: Count
    """How many particles. Of more sites than these, a block has those nearest to its middle; in a space that is filled,
    the empty ones are drawn by the seed."""
    spacing: Annotated[float, Field(gt=0)] | None = None
    """Distance of nearest neighbours [length]; needed in a space without sides."""
    centre: tuple[float, ...] | None = None
    """D coordinates of the middle of a block; the origin if left out [length]."""
    jitter: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of a random displacement of each coordinate [length]."""

    def positions(self, context: SourceContext) -> Positions:
        """(count, D) [length].

        Raises:
            InputError: if the lattice has other dimensions, or the space has no sides and there is no spacing.
        """
        basis, shape = self._cell(context)
        edges = context.space.edges
        if self.spacing is None and edges is None:
            raise InputError(
                f"a lattice fills the sides of a box or of a periodic space; in a {context.space.kind} space it needs "
                "the distance of nearest neighbours.",
                parameter="spacing",
            )
        if self.spacing is None and self.centre is not None:
            raise InputError("a lattice that fills the space has its middle there.", parameter="centre")
        if self.spacing is None:
            assert edges is not None
            numbers = cells_for(self.count, len(basis), edges / shape)
            sides = edges / numbers
        else:
            numbers = cells_for(self.count, len(basis), 1.0 / shape)
            sides = self.spacing / _NEAREST[self.lattice] * shape
        chance = context.generator()
        cells, inside = sites_of(numbers, len(basis))
        margin = 0.5 * (1.0 - basis.max(axis=0))  # the same to both sides, so that no site is on a wall
        sites: Positions = (cells + basis[inside] + margin - 0.5 * numbers) * sides
        if self.spacing is None:
            taken = np.sort(chance.permutation(len(sites))[: self.count])
        else:
            taken = np.sort(np.argsort(np.sum(sites**2, axis=1), kind="stable")[: self.count])
        positions = sites[taken] + self.jitter * chance.standard_normal((self.count, context.dimensions))
        if self.spacing is None:
            context.space.settle(positions)
        return positions + of_dimension(self.centre, context.dimensions, "centre")

    def _cell(self, context: SourceContext) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sites (B, D) of a cell in units of its sides, and the sides (D,) relative to each other."""
        dimensions = context.dimensions
        basis = _BASES.get(self.lattice, np.zeros((1, dimensions)))
        if basis.shape[1] != dimensions or context.space.curved:
            fit = "flat space" if context.space.curved else f"space of {basis.shape[1]} dimensions"
            raise InputError(f"{self.lattice} is a lattice of a {fit}.", parameter="lattice")
        return basis, np.array(_SHAPES.get(self.lattice, (1.0,) * dimensions))


def cells_for(count: int, basis: int, lengths: NDArray[np.float64]) -> NDArray[np.int64]:
    """(D,) numbers of cells along each side, as equal in size as can be, for at least `count` sites.

    Args:
        count: of particles.
        basis: sites of a cell.
        lengths: (D,) of the sides, in units of those of a cell.
    """
    needed = -(-count // basis)
    even = np.exp(np.mean(np.log(lengths)) - np.log(needed) / len(lengths))
    numbers = np.maximum(np.floor(lengths / even * (1.0 + 1e-12)).astype(np.int64), 1)
    while np.prod(numbers, dtype=float) < needed:
        numbers[int(np.argmax(lengths / numbers))] += 1
    return np.asarray(numbers)


def sites_of(numbers: NDArray[np.int64], basis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cell (S, D) and number within it (S,) of each site of a block of so many cells along each side (D,)."""
    rest, inside = np.divmod(np.arange(int(np.prod(numbers)) * basis), basis)
    cells = np.zeros((len(rest), len(numbers)), np.int64)
    for axis in np.flatnonzero(numbers > 1)[::-1]:
        rest, cells[:, axis] = np.divmod(rest, numbers[axis])
    return cells, inside
