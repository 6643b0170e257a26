"""The temperature at which a landscape's own equilibrium has a chosen entropy: T(S), the inverse of S(T).

S(T) rises with T, since dS/dT = C/T = Var(E)/T^3 >= 0, so there is at most one T. It is found by bisection (Brent) in
log T. A prompt sets S; that a gas then enters the landscape at T(S) is a choice, and no law of a language model.

* A discrete landscape, states i with energies E_i: ln g < S < ln V, with g states of the lowest energy among V. If the
  landscape is the model's law after the prompt, E = -log p, then T(S of that prompt) = 1 by identity.
* A field in a box: the entropy h of a density depends on the unit of volume. It is fixed here by one known value, S at
  one temperature: S(T) = h(T) - h(T_0) + S_0. A field -T_0 log p made from tokens drawn from a law with entropy S_0 has
  the density of these tokens at T_0. As T -> infinity, S -> S_0 - h(T_0) + log(volume); S < 0 is less than one state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.statistics.boltzmann import Boltzmann
from gasfield.statistics.canonical import canonical
from gasfield.statistics.quadrature import Flat, confined

Array = NDArray[np.float64]
_WIDEST = 400
"""Doublings of a bracket in log T: up to factors of 2^400 beyond the scale of the energies."""


class EntropyLaw(ABC):
    """The equilibrium entropy S(T) of a landscape."""

    @property
    @abstractmethod
    def smallest(self) -> float:
        """S as T -> 0 [nats], or the least value that has a meaning."""

    @property
    @abstractmethod
    def largest(self) -> float:
        """S as T -> infinity [nats]."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """A temperature near which the search for T(S) begins [energy]."""

    accuracy: ClassVar[float]
    """Relative error of T(S) at which the search ends."""

    @abstractmethod
    def entropy(self, temperature: float) -> float:
        """S(T) [nats], T > 0."""

    def temperature(self, entropy: float) -> float:
        """T(S) [energy].

        Raises:
            InputError: if the landscape has this entropy at no temperature between 0 and infinity.
        """
        if not self.smallest < entropy < self.largest:
            raise InputError(
                f"an entropy of {entropy:.4g} nats is outside of what this landscape can have: "
                f"{self.smallest:.4g} < S < {self.largest:.4g}.",
                parameter="entropy",
            )
        return float(np.exp(self._root(lambda log_t: self.entropy(float(np.exp(log_t))) - entropy)))

    def _root(self, excess: Callable[[float], float]) -> float:
        start = float(np.log(self.scale))
        step = np.log(2.0) if excess(start) < 0.0 else -np.log(2.0)
        here, there = start, start + step
        for _ in range(_WIDEST):
            if excess(there) * step >= 0.0:
                return float(scipy.optimize.brentq(excess, min(here, there), max(here, there), xtol=self.accuracy))
            here, there = there, there + step
        raise InputError(
            f"no temperature was found: the entropy comes too close to a limit, {self.smallest:.4g} or "
            f"{self.largest:.4g} nats.",
            parameter="entropy",
        )


class SpectrumEntropy(EntropyLaw):
    """S(T) of states with given energies, by exact sums."""

    accuracy = 1e-12

    def __init__(self, energies: ArrayLike) -> None:
        """Of energies (V,); infinite ones are states that do not exist.

        Raises:
            InputError: if an energy is NaN or -inf, none is finite, or all are equal, so that S does not depend on T.
        """
        raw = np.asarray(energies, float).ravel()
        self.energies: Array = raw[np.isfinite(raw)]
        if not len(self.energies) or np.isnan(raw).any() or np.isneginf(raw).any():
            raise InputError("energies should be numbers, some of them finite; +inf is a forbidden state.")
        self.ground = int(np.sum(self.energies == self.energies.min()))
        if self.ground == len(self.energies):
            raise InputError(f"all {self.ground} states have the same energy: the entropy does not depend on T.")

    @property
    def smallest(self) -> float:
        """ln g, g the number of states with the lowest energy."""
        return float(np.log(self.ground))

    @property
    def largest(self) -> float:
        """ln V."""
        return float(np.log(len(self.energies)))

    @property
    def scale(self) -> float:
        """The standard deviation of the energies."""
        return float(self.energies.std())

    def entropy(self, temperature: float) -> float:
        """S(T) = log Z + U/T [nats]."""
        return float(canonical(self.energies, temperature).entropy[0])


@dataclass(frozen=True)
class FieldEntropy(EntropyLaw):
    """S(T) of one particle in a field with walls, by quadrature (D <= 3).

    Attributes:
        energy: of places (M, D) [energy].
        low, high: (D,) the walls of a box [length].
        known_at: T_0 [energy].
        known: S_0, the entropy at T_0 [nats].
    """

    energy: Callable[[Array], Array]
    low: Array
    high: Array
    known_at: float
    known: float
    accuracy: ClassVar[float] = 1e-7  # of the quadrature

    @property
    def smallest(self) -> float:
        """0: a single state."""
        return 0.0

    @property
    def scale(self) -> float:
        """T_0."""
        return self.known_at

    @cached_property
    def unit(self) -> float:
        """Log of the volume of one state: h(T_0) - S_0."""
        return self.differential(self.known_at) - self.known

    @property
    def largest(self) -> float:
        """That of the uniform distribution in the box [nats]."""
        return float(np.sum(np.log(self.high - self.low))) - self.unit

    def differential(self, temperature: float) -> float:
        """h(T) = -int p log p of the density, with units of length 1.

        Raises:
            NotConfined: if the energy is finite nowhere.
        """
        domain: Flat = confined(self.energy, temperature, self.low, self.high, bounded=True)
        return Boltzmann.of(self.energy, temperature, domain).entropy

    def entropy(self, temperature: float) -> float:
        """S(T) = h(T) - h(T_0) + S_0 [nats]."""
        return self.differential(temperature) - self.unit
