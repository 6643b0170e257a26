"""Experts whose scores adapt to their loads, as a router in training: batches of tokens, and one score an expert.

    s <- s + r (K n/B - s),      n ~ Multinomial(B, softmax(s))

This is s' = eta p - lambda s with a step r = lambda dt, in units of T and with K = eta/(lambda T), where the load p is
that of a batch of B tokens. Its mean field is in `statistics/potts.py` (arXiv 2605.29121 has the case of two experts).
About balance, deviations of scores follow a <- (1 - r (1 - K/E)) a + noise: they relax ever more slowly towards K = E,
from which on they grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gasfield.errors import InputError
from gasfield.statistics.estimate import Estimate, stated
from gasfield.streams import Stream, generator, require_seed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AdaptiveScores:
    """A router that adapts.

    Attributes:
        experts: E.
        tokens: B of each batch; None for loads without noise.
        rate: r of each step, below 1.
    """

    experts: int
    tokens: int | None = 10_000
    rate: float = 0.1

    def __post_init__(self) -> None:
        if self.experts < 2:
            raise InputError("a competition needs two experts at least.", parameter="experts", value=self.experts)
        if self.tokens is not None and self.tokens < 1:
            raise InputError("a batch needs a token.", parameter="tokens", value=self.tokens)
        if not 0.0 < self.rate < 1.0:
            raise InputError("lies between 0 and 1.", parameter="rate", value=self.rate)

    def balanced(self) -> Array:
        """(E,) scores of equal experts."""
        return np.zeros(self.experts)

    def collapsed(self, strength: float) -> Array:
        """(E,) scores of a router that sends everything to the first expert."""
        scores = np.zeros(self.experts)
        scores[0] = strength
        return scores

    def run(self, scores: Array, strength: float, steps: int, chance: np.random.Generator) -> Array:
        """(steps, E) scores after each step at a coupling K, from scores (E,); loads are drawn from `chance`."""
        path, now = np.empty((steps, self.experts)), np.array(scores, np.float64)
        for step in range(steps):
            shares = softmax(now)
            if self.tokens is not None:
                shares = chance.multinomial(self.tokens, shares) / self.tokens
            now = now + self.rate * (strength * shares - now)
            path[step] = now
        return path

    def sweep(self, strengths: Sequence[float], steps: int, start: Array, seed: int = 0) -> Array:
        """(n,) the greatest mean load at each of n couplings, one after the other.

        Args:
            strengths: K, in the order in which they are passed through.
            steps: at each of them; the second half is averaged.
            start: (E,) scores before the first.
            seed: of the batches.
        """
        chance, now = generator(require_seed(seed), Stream.TOKENS), start
        greatest = np.empty(len(strengths))
        for number, strength in enumerate(strengths):
            path = self.run(now, float(strength), steps, chance)
            now = path[-1]
            greatest[number] = softmax(path[steps // 2 :], axis=1).mean(axis=0).max()
        return greatest

    def relaxation(self, strength: float, steps: int, seed: int = 0) -> Estimate:
        """The rate at which deviations from balance decay, in units of lambda: 1 - K/E, from the correlation of
        successive deviations, which are noise of the batches.

        Raises:
            InputError: if batches have no noise.
        """
        if self.tokens is None:
            raise InputError("without noise nothing deviates from balance; give a number of tokens.")
        chance = generator(require_seed(seed), Stream.TOKENS)
        path = self.run(self.balanced(), strength, steps, chance)
        own = path - path.mean(axis=1, keepdims=True)
        before, after = own[:-1], own[1:]
        weight = float(np.sum(before**2))
        kept = float(np.sum(before * after)) / weight
        left = after - kept * before
        error = float(np.sqrt(np.sum(left**2) / ((self.experts - 1) * len(left)) / weight))
        return stated((1.0 - kept) / self.rate, error / self.rate, "1")
