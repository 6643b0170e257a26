"""The state of a gas: a structure of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Gas:
    """N particles in D dimensions.

    Attributes:
        positions: (N, D) float64, or float32 where the dynamics keeps them on a float32 or bfloat16 lattice [length].
        species: (N,) int; index into `names`.
        names: one name a species: the groups under which results are reported.
        token_ids: (N,) int64; row of the embedding matrix, -1 where a particle is no token.
        tokens: (N,) token strings, empty where unknown.
        bonds: species name -> (M, 2) int pairs of particle indices: the edges of a tracer lattice.
        step: steps taken since the start (a recording counts training steps).
        time: elapsed time; an optimiser counts steps as time.
    """

    positions: NDArray[np.floating[Any]]
    species: NDArray[np.int64]
    names: list[str]
    token_ids: NDArray[np.int64]
    tokens: list[str]
    bonds: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    step: int = 0
    time: float = 0.0

    @property
    def count(self) -> int:
        """Number of particles N."""
        return int(self.positions.shape[0])

    @property
    def dimensions(self) -> int:
        """Number of dimensions D."""
        return int(self.positions.shape[1])

    def members(self, name: str) -> NDArray[np.int64]:
        """Indices of the particles of one species.

        Raises:
            ValueError: if no species has that name.
        """
        return np.flatnonzero(self.species == self.names.index(name))
