"""Ancestral sampling at a token temperature, and its exact thermodynamics.

With q_T(x) = prod_k p(x_k|x_<k)^(1/T) / Z_k(x_<k), E_k = -log p(x_k|x_<k) and U_k = <E_k> given the prefix,

    log q_T = -sum_k (E_k / T + log Z_k),        d log Z_k / dT = U_k / T^2,

the score is d log q_T / dT = s = sum_k (E_k - U_k) / T^2, of mean 0, and for any observable A that does not depend on T
d<A>/dT = <A s> = Cov(A, s). So

    dU/dT   = Cov(E, sum_k (E_k - U_k)) / T^2                          not Var(E) / T^2
    T dS/dT = dU/dT + Cov(sum_k log Z_k, sum_k (E_k - U_k)) / T        not dU/dT: T is no thermodynamic temperature

where S = -<log q_T> = U / T + <sum_k log Z_k>. Both become the equilibrium relations if the Z_k do not depend on the
prefix.

E_k - U_k has mean 0 given the prefix, so it does not correlate with anything before k, and correlates with a later E_j
as it does with U_j. What is averaged is therefore

    dU/dT = <sum_k (E_k - U_k) [(E_k - U_k) + sum_{j > k} U_j]> / T^2,

each U_j less its mean over the sequences: the same expectation with a fraction of the variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids
from gasfield.sampling.sequences.law import Window, require_temperatures
from gasfield.sampling.sequences.step import Step, draw, keyed_uniforms
from gasfield.statistics.estimate import Estimate, mean
from gasfield.streams import Stream, require_seed

Array = NDArray[np.float64]

BATCH = 64
"""Sequences that grow together unless a number is given."""


@dataclass(frozen=True)
class Ancestral:
    """N sequences that were drawn independently at one token temperature.

    Attributes:
        temperature: T.
        tokens: (N, L) ids.
        energies: (N, L) E_k [nats].
        means: (N, L) U_k [nats].
        log_partitions: (N, L) log Z_k.
    """

    temperature: float
    tokens: Ids
    energies: Array
    means: Array
    log_partitions: Array

    @property
    def energy(self) -> Array:
        """(N,) E of each sequence."""
        return np.asarray(self.energies.sum(axis=1))

    @property
    def log_probability(self) -> Array:
        """(N,) log q_T."""
        return np.asarray(-(self.energies / self.temperature + self.log_partitions).sum(axis=1))

    def mean_energy(self) -> Estimate:
        """U [nats]."""
        return mean(self.energy, "nats")

    def entropy(self) -> Estimate:
        """S = -<log q_T> [nats]."""
        return mean(-self.log_probability, "nats")

    def free_energy(self) -> Estimate:
        """U - T S = -T <sum_k log Z_k> [nats]; its derivative by T is not -S."""
        return mean(-self.temperature * self.log_partitions.sum(axis=1), "nats")

    def heat_capacity(self) -> Estimate:
        """dU/dT by the score [nats per unit of T]."""
        own = np.square(self.energies - self.means).sum(axis=1) / self.temperature**2
        return mean(own + self._by_later(self.means), "nats")

    def fluctuation(self) -> Estimate:
        """Var(E) / T^2, which would be dU/dT under Boltzmann's law [nats per unit of T]."""
        squares = np.square(self.energy - self.energy.mean()) / self.temperature**2
        return mean(squares * self._unbiased(), "nats")

    def heat_defect(self) -> Estimate:
        """T dS/dT - dU/dT, which is 0 in equilibrium [nats per unit of T]."""
        return mean(self.temperature * self._by_later(self.log_partitions), "nats")

    def _by_later(self, given_prefix: Array) -> Array:
        """(N,) terms whose mean is Cov(sum_k A_k, s) of quantities A_k (N, L), each a function of the prefix x_<k."""
        centred = given_prefix - given_prefix.mean(axis=0)
        later = np.cumsum(centred[:, ::-1], axis=1)[:, ::-1] - centred
        return np.asarray(((self.energies - self.means) * later).sum(axis=1) / self.temperature**2 * self._unbiased())

    def _unbiased(self) -> float:
        count = len(self.tokens)
        return count / (count - 1) if count > 1 else np.nan


def sample(window: Window, temperature: float, count: int, seed: int, batch: int = BATCH, first: int = 0) -> Ancestral:
    """Draws sequences at a token temperature.

    Sequence i depends on the seed, first + i and the law alone: not on `count`, `batch` or threads, as far as the
    logits of the law do not (those of a network differ in the last bits between batches of different size).

    Args:
        window: the law and the length.
        temperature: T > 0.
        count: number of sequences N.
        seed: of the draws.
        batch: sequences that grow together.
        first: number of the first sequence.

    Raises:
        InputError: if the temperature, the count or the seed is out of its range, or logits are not finite.
    """
    (scale,) = require_temperatures(temperature)
    require_seed(seed)
    if count < 1 or batch < 1:
        raise InputError(f"should be at least 1, not {min(count, batch)}.", parameter="chains")
    parts = [
        _grow(window, scale, np.arange(start, min(start + batch, first + count)), seed)
        for start in range(first, first + count, batch)
    ]
    return Ancestral(float(scale), *(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _grow(window: Window, temperature: float, chains: Ids, seed: int) -> tuple[Ids, Array, Array, Array]:
    """Tokens, energies, means and log Z of a batch, each (B, L)."""
    growing = window.decode(len(chains))
    own, temperatures = np.zeros(len(chains), np.int64), np.array([temperature])
    steps: list[Step] = []
    for k in range(window.length):
        if k:
            growing.extend(steps[-1].tokens)
        number = keyed_uniforms(seed, Stream.TOKENS, chains, k)
        steps.append(draw(growing.logits, window.forbidden, temperatures, own, number))
    tokens, energies, means, partitions = (np.stack(part, axis=1) for part in zip(*steps, strict=True))
    return tokens, energies, means, partitions[:, :, 0]
