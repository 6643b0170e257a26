"""The physical problems, as numbers: every program is given the same ones. Needs NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Melt:
    """The Lennard-Jones melt in reduced units: an fcc crystal that melts, at constant energy."""

    cells: int
    density: float = 0.8442
    temperature: float = 1.44
    cutoff: float = 2.5
    skin: float = 0.3
    time_step: float = 0.005
    warm_up: int = 200

    @property
    def count(self) -> int:
        """Number of particles."""
        return 4 * self.cells**3

    @property
    def side(self) -> float:
        """Of the periodic cube [diameters]."""
        return float(self.cells * (4.0 / self.density) ** (1.0 / 3.0))

    def positions(self) -> Array:
        """(N, 3) the crystal."""
        basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
        corners = np.stack(np.meshgrid(*[np.arange(self.cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
        crystal: Array = ((corners + basis).reshape(-1, 3) + 0.25) * (self.side / self.cells)
        return crystal

    def velocities(self) -> Array:
        """(N, 3) thermal, without total momentum."""
        drawn: Array = np.sqrt(self.temperature) * np.random.default_rng(1).standard_normal((self.count, 3))
        drawn -= drawn.mean(0)
        return drawn


@dataclass(frozen=True)
class Flat:
    """Lennard-Jones particles in a periodic square with a Langevin thermostat."""

    per_side: int = 16
    spacing: float = 1.2
    cutoff: float = 2.5
    temperature: float = 1.0
    friction: float = 1.0
    time_step: float = 0.002

    @property
    def count(self) -> int:
        """Number of particles."""
        return self.per_side**2

    @property
    def side(self) -> float:
        """Of the square [diameters]."""
        return self.per_side * self.spacing

    def positions(self) -> Array:
        """(N, 2) a square lattice."""
        line = (np.arange(self.per_side) + 0.25) * self.spacing
        return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


def plummer(count: int, softening: float = 0.01) -> tuple[Array, Array, float]:
    """A Plummer sphere of mass and scale 1, cut at a radius of 20: positions (N, 3), masses (N,), softening."""
    chance = np.random.default_rng(0)
    radius = np.minimum((chance.random(count) ** (-2 / 3) - 1) ** -0.5, 20.0)
    direction = chance.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return radius[:, None] * direction, np.full(count, 1.0 / count), softening


def queries(count: int, dimensions: int) -> tuple[Array, Array, Array]:
    """Queries, keys and values of one head of attention, each (N, D) float32, normal."""
    chance = np.random.default_rng(0)
    query, key, value = (chance.standard_normal((count, dimensions), np.float32) for _ in range(3))
    return query, key, value


def embedding(rows: int = 151_936, columns: int = 2_560) -> NDArray[np.uint16]:
    """(N, D) bits of a bfloat16 embedding in which 13 groups of rows, of 2 to 814, are identical."""
    chance = np.random.default_rng(0)
    words = chance.integers(0, 1 << 16, (rows, columns), dtype=np.uint16)
    sizes = (814, 704, 306, 228, 11, 10, 6, 5, 4, 4, 3, 3, 2)
    for members in np.split(chance.permutation(rows)[: sum(sizes)], np.cumsum(sizes)[:-1]):
        words[members] = words[members[0]]
    return words
