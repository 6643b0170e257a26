"""Boltzmann densities exp(-E/T)/Z by quadrature, D <= 3: free energy, entropy, and divergences between two of them.

Panels of Gauss-Legendre nodes along all coordinates are halved until F and <E> change by less than 1e-6 T. That is the
error before the last halving; what is left after it is smaller by up to 2^12, as six nodes integrate polynomials of
degree 11. Energies are relative to an arbitrary zero, and so is F; entropies are those of densities, with units of
length 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.statistics.quadrature import Energy, Flat, Round, nodes

Values = NDArray[np.float64]

TOLERANCE = 1e-6
"""Change of F and of <E> in a refinement, in T, below which it is the last."""
_FIRST_PANELS = 4
_POINTS = 4_000_000
"""Evaluations of the energy beyond which the quadrature is not refined."""


@dataclass(frozen=True)
class Boltzmann:
    """The density of one particle at a temperature.

    Attributes:
        energy: E of places.
        temperature: T [energy].
        domain: outside of which the density is negligible.
        free_energy: F = -T log Z [energy].
        change: that of F and <E> in the last refinement [energy].
        places: (M, D) nodes.
        shares: (M,) their probabilities, with sum 1.
        energies: (M,) E at the nodes.
    """

    energy: Energy
    temperature: float
    domain: Flat | Round
    free_energy: float
    change: float
    places: Values = field(repr=False)
    shares: Values = field(repr=False)
    energies: Values = field(repr=False)

    @classmethod
    def of(cls, energy: Energy, temperature: float, domain: Flat | Round) -> Self:
        """The density in a domain outside of which it is negligible (`quadrature.confined`)."""
        panels, found = _FIRST_PANELS, cls._with(energy, temperature, domain, _FIRST_PANELS)
        while found.change > TOLERANCE * temperature and len(found.places) * 2 ** domain_dimensions(domain) <= _POINTS:
            panels *= 2
            finer = cls._with(energy, temperature, domain, panels)
            change = max(abs(finer.free_energy - found.free_energy), abs(finer.mean_energy - found.mean_energy))
            found = replace(finer, change=change)
        return found

    @classmethod
    def _with(cls, energy: Energy, temperature: float, domain: Flat | Round, panels: int) -> Self:
        """The density with a number of panels along each coordinate."""
        places, weights = nodes(domain, panels)
        energies = energy(places)
        lowest = float(energies.min())
        masses = weights * np.exp((lowest - energies) / temperature)
        total = float(masses.sum())
        free_energy = lowest - temperature * float(np.log(total))
        return cls(energy, temperature, domain, free_energy, np.inf, places, masses / total, energies)

    def mean(self, values: Values) -> float:
        """The mean of values (M,) at the nodes."""
        there = self.shares > 0.0  # where the density vanishes values may be infinite
        return float(np.sum(self.shares[there] * values[there]))

    @property
    def mean_energy(self) -> float:
        """<E> [energy]."""
        return self.mean(self.energies)

    @property
    def entropy(self) -> float:
        """S = (<E> - F)/T of the density [1]."""
        return (self.mean_energy - self.free_energy) / self.temperature

    def log_density(self, places: Values) -> Values:
        """(n,) log p at places (n, D)."""
        return np.asarray((self.free_energy - self.energy(places)) / self.temperature)

    def cross_energy(self, model: Boltzmann) -> float:
        """<E of a model> under this density [energy]."""
        return self.mean(model.energy(self.places))

    def divergence(self, model: Boltzmann) -> float:
        """KL(this || model), the mean of log p - log q over this density [1]."""
        own = (self.free_energy - self.energies) / self.temperature
        return self.mean(own - model.log_density(self.places))

    def share_within(self, other: Boltzmann, part: float) -> float:
        """The share of this density where the other one has at least a part of it [1]."""
        own = (self.free_energy - self.energies) / self.temperature
        return self.mean((other.log_density(self.places) >= own + np.log(part)).astype(np.float64))


def domain_dimensions(domain: Flat | Round) -> int:
    """Number of coordinates that are integrated over."""
    return len(domain.low) if isinstance(domain, Flat) else domain.dimensions - int(domain.hollow)
