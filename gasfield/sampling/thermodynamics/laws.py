"""Laws of a spectrum: two nulls, bare Zipf and Gaussian energies, and the same two above one lowest state of its own.

Each is fitted to the ranked energies of one context, has as many states, and its C(T) is the same exact sum. The height
of the peak of either null depends on the number of states alone: what is fitted scales its energies, so it only moves
the peak along T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gasfield.sampling.thermodynamics.least_squares import line_through
from gasfield.sampling.thermodynamics.peak import Peak, peak_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Zipf:
    """E_i = s ln i, p_i ~ i^-s: an exponential density of states from the lowest state on.

    Attributes:
        states: their number V.
        exponent: s.
        error: standard error of s.
    """

    states: int
    exponent: float
    error: float

    @classmethod
    def fit(cls, energies: Array) -> Zipf:
        """Least squares with weights 1/i and a free constant over all ranks of ascending energies (V,)."""
        line = line_through(energies, _log_ranks(len(energies)), 1, len(energies))
        return cls(len(energies), line.slope, line.slope_error)

    def energies(self) -> Array:
        """(V,), ascending from 0."""
        return self.exponent * _log_ranks(self.states)

    def peak(self) -> Peak:
        """Of the heat capacity."""
        return _scaled(_zipf_peak(self.states), self.exponent)


@dataclass(frozen=True)
class Gaussian:
    """V independent Gaussian energies (Derrida, Phys. Rev. B 24:2613), each rank at its expected place.

    Places are Blom's mean order statistics. Random draws have peaks that scatter with their few lowest states: for
    V = 49,152 by a quarter of their height.

    Attributes:
        states: their number V.
        mean: of the energies.
        sigma: their standard deviation.
    """

    states: int
    mean: float
    sigma: float

    @classmethod
    def fit(cls, energies: Array) -> Gaussian:
        """The mean and the variance of the energies (V,), every state with the same weight."""
        return cls(len(energies), float(energies.mean()), float(energies.std()))

    def energies(self) -> Array:
        """(V,), ascending."""
        return self.mean + self.sigma * _normal_order(self.states)

    def peak(self) -> Peak:
        """Of the heat capacity; for V -> infinity at T = sigma / sqrt(2 ln V)."""
        return _scaled(_gaussian_peak(self.states), self.sigma)


@dataclass(frozen=True)
class GapAndTail:
    """E_1 = 0 and E_i = gap + s ln i from rank 2 on.

    The tail is an exponential density of states exp(E / s), Hagedorn's (Nuovo Cimento Suppl. 3:147). Its sum
    over ranks converges for T < s alone: with ever more states the peak of C climbs to s and grows as (ln V)^2.
    The lowest state of infinitely many keeps half of the weight where exp(gap / T) = zeta(s / T) - 1, below s.

    Attributes:
        states: their number V.
        gap: the tail's energy at rank 1, above the lowest state.
        s: energy per e-fold of the rank, the limiting temperature.
        gap_error: standard error.
        s_error: standard error.
    """

    states: int
    gap: float
    s: float
    gap_error: float
    s_error: float

    @classmethod
    def fit(cls, energies: Array, ranks: tuple[int, int] | None = None) -> GapAndTail:
        """Least squares with weights 1/i over ranks (first, last) of ascending energies (V,); default: 2 to V."""
        first, last = ranks or (2, len(energies))
        line = line_through(energies, _log_ranks(len(energies)), first, last)
        return cls(
            len(energies), line.intercept - float(energies[0]), line.slope, line.intercept_error, line.slope_error
        )  # fmt: skip

    def energies(self) -> Array:
        """(V,) in the order of ranks; not ascending if the gap is negative."""
        found = self.gap + self.s * _log_ranks(self.states)
        found[0] = 0.0
        return found

    def peak(self) -> Peak:
        """Of the heat capacity."""
        return peak_of(self.energies())


@dataclass(frozen=True)
class GapAndGaussian:
    """E_1 = 0 and, from rank 2 on, the Gaussian energies of `Gaussian`: random energies with one favoured state.

    Its tail begins as an exponential density of states does, with the slope dE / d ln i = sigma dz / d ln i, and bends
    away from it where Gaussian energies grow rare: the sum over ranks converges at every T.

    Attributes:
        states: their number V.
        mean: of the Gaussian energies, above the lowest state.
        sigma: their standard deviation.
        mean_error: standard error.
        sigma_error: standard error.
    """

    states: int
    mean: float
    sigma: float
    mean_error: float
    sigma_error: float

    @classmethod
    def fit(cls, energies: Array, ranks: tuple[int, int] | None = None) -> GapAndGaussian:
        """Least squares as of `GapAndTail.fit`, with the order statistics in place of ln i."""
        first, last = ranks or (2, len(energies))
        line = line_through(energies, _normal_order(len(energies)), first, last)
        return cls(
            len(energies), line.intercept - float(energies[0]), line.slope, line.intercept_error, line.slope_error
        )  # fmt: skip

    @classmethod
    def of_moments(cls, energies: Array) -> GapAndGaussian:
        """Without a fit: mean and standard deviation of ascending energies (V,) from rank 2 on; errors are NaN."""
        others = energies[1:] - energies[0]
        return cls(len(energies), float(others.mean()), float(others.std()), np.nan, np.nan)

    def energies(self) -> Array:
        """(V,) in the order of ranks; not ascending if the second lies below the first."""
        found = self.mean + self.sigma * _normal_order(self.states)
        found[0] = 0.0
        return found

    def balance(self) -> float:
        """The temperature at which the lowest state has the free energy of all others, for many states.

        0 = mean - sigma^2 / (2 T) - T ln V: a first-order transition from one state to the liquid of random energies,
        if mean > sigma sqrt(2 ln V). Otherwise NaN: then the random energies themselves freeze, at
        sigma / sqrt(2 ln V), and the lowest state is one of them (Derrida, Phys. Rev. B 24:2613, section on a
        ferromagnetic coupling).
        """
        log_states = float(np.log(self.states))
        under = self.mean**2 - 2.0 * self.sigma**2 * log_states
        return (self.mean + under**0.5) / (2.0 * log_states) if under > 0.0 and self.mean > 0.0 else np.nan

    def peak(self) -> Peak:
        """Of the heat capacity."""
        return peak_of(self.energies())


def _scaled(peak: Peak, scale: float) -> Peak:
    """The peak of the same energies times a scale; none if that is not positive."""
    return Peak(peak.temperature * scale, peak.height, peak.maxima) if scale > 0.0 else Peak(np.nan, 0.0, 0)


@lru_cache(maxsize=8)
def _log_ranks(states: int) -> Array:
    """ln i of the ranks 1..V."""
    found: Array = np.log(np.arange(1.0, states + 1.0))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=8)
def _normal_order(states: int) -> Array:
    """Approximate means of the order statistics of standard normal numbers (Blom 1958)."""
    found: Array = ndtri((np.arange(1.0, states + 1.0) - 0.375) / (states + 0.25))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=64)
def _zipf_peak(states: int) -> Peak:
    return peak_of(_log_ranks(states))


@lru_cache(maxsize=64)
def _gaussian_peak(states: int) -> Peak:
    return peak_of(_normal_order(states))
