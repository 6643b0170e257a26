"""The density of states of a spectrum, over bins of equal width in the logarithm of the rank.

The rank i of an energy is the number N(E) of states up to it, the integrated density of states. The microcanonical
temperature is 1/T = d ln N / dE: the slope dE / d ln i of the ranked spectrum. A slope that falls along the ranks is
a convex stretch of the entropy ln N(E), a negative microcanonical heat capacity, the mark of a first-order transition
(Gross, Microcanonical Thermodynamics, 2001); one s for all ranks is Hagedorn's spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.quantity import Quantity

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DensityOfStates:
    """Octaves of ranks: B + 1 edges, B bins.

    Attributes:
        rank: (B + 1,) 1, 2, 4, ..., V: states up to the energy of an edge.
        energy: (B + 1,) of these ranks.
    """

    rank: NDArray[np.int64]
    energy: Array

    @property
    def density(self) -> Array:
        """(B,) states per nat between edges; infinite where their energies are equal."""
        with np.errstate(divide="ignore"):
            found: Array = np.diff(self.rank) / np.diff(self.energy)
        return found

    @property
    def temperature(self) -> Array:
        """(B,) microcanonical temperature, dE / d ln N."""
        found: Array = np.diff(self.energy) / np.diff(np.log(self.rank))
        return found

    def as_json(self) -> dict[str, Any]:
        """Edges, densities and temperatures as leaves."""
        return {
            "rank": Quantity(self.rank.tolist(), "1").leaf(),
            "energy": Quantity(self.energy.tolist(), "nats").leaf(),
            "density": Quantity(self.density.tolist(), "states/nat").leaf(),
            "temperature": Quantity(self.temperature.tolist(), "1").leaf(),
        }


def density_of_states(energies: Array) -> DensityOfStates:
    """Of ascending energies (V,)."""
    ranks = 2 ** np.arange(int(np.log2(len(energies))) + 1)
    ranks = ranks if ranks[-1] == len(energies) else np.append(ranks, len(energies))
    return DensityOfStates(ranks, energies[ranks - 1])
