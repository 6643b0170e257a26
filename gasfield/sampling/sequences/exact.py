"""Both laws over sequences by enumeration, for small vocabularies and lengths: the reference of all samplers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids
from gasfield.sampling.sequences.law import Window
from gasfield.statistics.canonical import energies_of

Array = NDArray[np.float64]

MOST = 1 << 20
"""Sequences that are enumerated at most."""


@dataclass(frozen=True)
class Enumeration:
    """All n = V^L sequences.

    Attributes:
        tokens: (n, L) ids, the last one fastest.
        energies: L arrays (V^k, V), k = 0, ..., L - 1: E of each token after each prefix; inf for impossible tokens.
        energy: (n,) E of each sequence [nats].
    """

    tokens: Ids
    energies: tuple[Array, ...]
    energy: Array

    def boltzmann(self, temperature: float) -> Array:
        """(n,) probabilities under Boltzmann's law."""
        weights = np.exp(-(self.energy - self.energy.min()) / temperature)
        return np.asarray(weights / weights.sum())

    def log_partition(self, temperature: float) -> float:
        """log Z of Boltzmann's law; 0 at T = 1."""
        return float(np.logaddexp.reduce(-self.energy / temperature))

    def ancestral(self, temperature: float) -> Array:
        """(n,) probabilities under ancestral sampling."""
        return np.exp(self._total([self._log_law(part, temperature) for part in self.energies]))

    def mean_sum(self, temperature: float) -> Array:
        """(n,) sum_k U_k of each sequence, U_k the mean energy of token k at the temperature, given the prefix."""
        means = []
        for part in self.energies:
            law = np.exp(self._log_law(part, temperature))
            mean = np.where(law > 0, law * np.where(law > 0, part, 0.0), 0.0).sum(axis=1, keepdims=True)
            means.append(np.broadcast_to(mean, part.shape))
        return self._total(means)

    @staticmethod
    def _log_law(energies: Array, temperature: float) -> Array:
        scaled = -energies / temperature
        return np.asarray(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))

    def _total(self, parts: list[Array]) -> Array:
        """(n,) the sum over positions of numbers (V^k, V)."""
        count = len(self.energy)
        return np.asarray(sum(np.repeat(part.reshape(-1), count // part.size) for part in parts))


def enumerate_sequences(window: Window) -> Enumeration:
    """All sequences of a window with their energies.

    Raises:
        InputError: if there are more than `MOST`.
    """
    vocabulary, length = window.law.vocabulary, window.length
    count = vocabulary**length
    if count > MOST:
        raise InputError(f"{vocabulary}^{length} sequences are too many to enumerate: at most {MOST}.")
    prefixes, energies = np.zeros((1, 0), np.int64), []
    for _ in range(length):
        growing = window.decode(len(prefixes))
        for tokens in prefixes.T:
            growing.extend(tokens)
        logits = growing.logits.astype(np.float64)
        logits[:, window.forbidden] = -np.inf
        energies.append(energies_of(logits))
        following = np.tile(np.arange(vocabulary), len(prefixes))[:, None]
        prefixes = np.concatenate([np.repeat(prefixes, vocabulary, axis=0), following], axis=1)
    total = sum(np.repeat(part.reshape(-1), count // part.size) for part in energies)
    return Enumeration(prefixes, tuple(energies), np.asarray(total))
