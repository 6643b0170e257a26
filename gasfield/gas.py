"""The state of a gas: a structure of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError


@dataclass
class Gas:
    """N particles in D dimensions.

    Attributes:
        positions: (N, D) float64, or float32 if the dynamics computes in float32 or has a bfloat16 lattice [length]. A
            simulation wraps them into a periodic box, see `images`.
        species: (N,) int; index into `names`; zeros if left out.
        names: one name per species: the groups under which results are reported; one group "gas" if left out.
        token_ids: (N,) int64; row of the embedding matrix, -1 for a particle that is not a token; all -1 if left out.
        tokens: (N,) token strings, empty if unknown; all empty if left out.
        bonds: species name -> (M, 2) int pairs of particle indices: the edges of a tracer lattice.
        step: steps taken since the start (a recording counts training steps).
        time: elapsed time; an optimiser counts steps as time.
        velocities: (N, D) in the type of the positions [length/time]; None if the dynamics has none.
        masses: (N,) float64; ones if left out.
        charges: (N,) float64; zeros if left out.
        is_source: (N,) bool: which particles exert forces on others. Passive tracers feel pair forces and exert none.
            All true if left out.
        ids: (N,) int64: the identifier of each particle, which determines its random numbers and its row in a
            trajectory; 0 to N - 1 if left out.
        appears: (N,) int64: the step from which each particle is there, 0 for one that is there from the start; zeros
            if left out.
        periods: (D,) sides of the periodic box in which positions are wrapped, 0 along coordinates that are not
            periodic [length]; None where they are not wrapped.
        images: (N, D) int64: how many periods each particle has travelled beyond its wrapped position; None where
            positions are not wrapped.
    """

    positions: NDArray[np.floating[Any]]
    species: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    names: list[str] = field(default_factory=lambda: ["gas"])
    token_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    tokens: list[str] = field(default_factory=list)
    bonds: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    step: int = 0
    time: float = 0.0
    velocities: NDArray[np.float64] | None = None
    masses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    charges: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    is_source: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    appears: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    periods: NDArray[np.float64] | None = None
    images: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        count = self.count
        if not count:
            return
        self.species = self.species if len(self.species) else np.zeros(count, np.int64)
        self.token_ids = self.token_ids if len(self.token_ids) else np.full(count, -1)
        self.tokens = self.tokens or [""] * count
        self.masses = self.masses if len(self.masses) else np.ones(count)
        self.charges = self.charges if len(self.charges) else np.zeros(count)
        self.is_source = self.is_source if len(self.is_source) else np.ones(count, bool)
        self.ids = self.ids if len(self.ids) else np.arange(count)
        self.appears = self.appears if len(self.appears) else np.zeros(count, np.int64)

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

    def require_shapes(self, dimensions: int) -> None:
        """Checks that all arrays have N entries and vectors D: kernels check no bounds.

        Raises:
            InputError: if one has another shape.
        """
        count = len(self.positions)
        for name in ("positions", "velocities"):
            values = getattr(self, name)
            if values is not None and values.shape != (count, dimensions):
                raise InputError(f"has shape {values.shape}; ({count}, {dimensions}) is needed.", parameter=name)
        for name in ("species", "token_ids", "masses", "charges", "is_source", "ids", "appears"):
            if getattr(self, name).shape != (count,):
                raise InputError(f"has shape {getattr(self, name).shape}; ({count},) is needed.", parameter=name)
        if count and not 0 <= int(self.species.min()) <= int(self.species.max()) < len(self.names):
            raise InputError(f"has numbers outside 0 to {len(self.names) - 1}.", parameter="species")

    @property
    def unwrapped(self) -> NDArray[np.floating[Any]]:
        """(N, D) positions along the path that was travelled, across the sides of a periodic box [length]."""
        if self.images is None or self.periods is None:
            return self.positions
        return np.asarray(self.positions + self.images * self.periods)

    def present(self, step: int) -> NDArray[np.bool_]:
        """(N,) which particles are there at a step."""
        return np.asarray(self.appears <= step)

    def at(self, positions: NDArray[np.floating[Any]]) -> Self:
        """The same gas at other positions (N, D); every other array is shared."""
        return replace(self, positions=positions)

    def select(self, rows: NDArray[np.int64] | slice) -> Self:
        """Some of the particles, with their ids; bonds refer to ids, so they are unchanged. Arrays are views if rows
        are a slice."""
        return replace(
            self,
            positions=self.positions[rows],
            species=self.species[rows],
            token_ids=self.token_ids[rows],
            tokens=self.tokens[rows] if isinstance(rows, slice) else [self.tokens[row] for row in rows.tolist()],
            velocities=None if self.velocities is None else self.velocities[rows],
            masses=self.masses[rows],
            charges=self.charges[rows],
            is_source=self.is_source[rows],
            ids=self.ids[rows],
            appears=self.appears[rows],
            images=None if self.images is None else self.images[rows],
        )

    def copy(self) -> Self:
        """The same gas with copies of positions, images and velocities, which a simulation may modify."""
        velocities = None if self.velocities is None else self.velocities.copy()
        images = None if self.images is None else self.images.copy()
        return replace(self, positions=self.positions.copy(), images=images, velocities=velocities)

    def kinetic_energies(self) -> NDArray[np.float64]:
        """m v^2 / 2 of each particle (N,).

        Raises:
            ValueError: if the gas has no velocities.
        """
        if self.velocities is None:
            raise ValueError("a gas without velocities has no kinetic energy")
        velocities = self.velocities.astype(np.float64, copy=False)
        energies: NDArray[np.float64] = 0.5 * self.masses * np.einsum("ij,ij->i", velocities, velocities)
        return energies


LARGEST = float(np.finfo(np.float32).max)
"""The largest number of a particle: beyond it float32 files overflow, and soon after the powers that moments need."""


def are_finite(values: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(N,) whether the numbers (N,) or (N, D) of each particle are in the range of numbers that is computed with."""
    axes = tuple(range(1, values.ndim))
    smallest, largest = values.min(axis=axes, initial=0.0), values.max(axis=axes, initial=0.0)  # NaN where one is
    return np.asarray((smallest >= -LARGEST) & (largest <= LARGEST))


def all_are_finite(values: NDArray[np.floating[Any]]) -> bool:
    """Whether all numbers of an array are in that range; much faster than to ask for each particle."""
    return not values.size or bool(values.min() >= -LARGEST and values.max() <= LARGEST)  # false with a NaN


def require_finite(values: NDArray[np.floating[Any]], what: str = "positions", key: str | None = None) -> None:
    """Refuses numbers of particles (N,) or (N, D) of which one is infinite, NaN, or beyond `LARGEST`.

    Raises:
        InputError: it says how many particles are concerned.
    """
    bad = np.flatnonzero(~are_finite(values))
    if len(bad):
        raise InputError(
            f"{what} of {len(bad)} of {len(values)} particles are not finite or beyond {LARGEST:.2g}; the first is "
            f"particle {bad[0]} of them.",
            parameter=key,
        )
