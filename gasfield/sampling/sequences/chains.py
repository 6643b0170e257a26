"""Metropolis-Hastings over sequences: cut at a random place, and redraw the suffix by ancestral sampling.

A move draws c uniformly from 0, ..., L - 1 and proposes y with y_<c = x_<c, the rest from ancestral sampling at a
proposal temperature tau. With q_tau(y_k|y_<k) = p(y_k|y_<k)^(1/tau) / Z_k^tau(y_<k) the proposal is accepted with
probability min(1, r),

    log r = sum_{k >= c} [ (E_k(x) - E_k(y)) / T + log q_tau(x_k|x_<k) - log q_tau(y_k|y_<k) ]
          = sum_{k >= c} [ (1/T - 1/tau) (E_k(x) - E_k(y)) + log Z_k^tau(y_<k) - log Z_k^tau(x_<k) ],

in which only the suffix counts, and of the Z_k only those behind the cut differ. For a given c this is reversible under
p^(1/T)/Z; c does not depend on the state, so the mixture over c is too. One c may therefore serve all chains of a
batch: given the sequence of cuts every chain has the right stationary law and they are independent of each other.

All chains grow together. What the law has computed of a rejected proposal is forgotten by the next cut if that lies
before the present one; else the tokens between are read again: L/6 tokens on average, besides the L/2 that are drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids
from gasfield.sampling.sequences.law import Window
from gasfield.sampling.sequences.step import Step, draw, keyed_uniforms
from gasfield.streams import Stream, require_seed

Array = NDArray[np.float64]


class Chains:
    """B chains of sequences, each at one of K temperatures, which may change between moves.

    Every chain starts from ancestral sampling at its proposal temperature. Its random numbers depend on the seed, its
    number and the move alone.

    Attributes:
        tokens: (B, L) ids.
        slot: (B,) index of the temperature of each chain; may be set.
        moves: moves so far.
        tried, accepted: (L, K) proposals by cut and temperature.
    """

    def __init__(
        self, window: Window, temperatures: Array, slot: Ids, seed: int, proposals: Array | None = None
    ) -> None:
        """Draws the start.

        Args:
            window: the law and the length.
            temperatures: (K,) T of Boltzmann's laws.
            slot: (B,) index of the temperature of each chain.
            seed: of all random numbers.
            proposals: (K,) tau of the proposals at each temperature; by default T.

        Raises:
            InputError: if the seed is out of its range, or logits are not finite.
        """
        self._window, self._seed = window, require_seed(seed)
        self._inverse = 1.0 / np.asarray(temperatures, np.float64)
        self._proposals = np.asarray(temperatures if proposals is None else proposals, np.float64)
        if self._proposals.shape != self._inverse.shape or not (self._proposals > 0).all():
            raise InputError("there should be one temperature > 0 for each of the ladder.", parameter="proposals")
        self.slot: Ids = np.array(slot, np.int64)
        count, length = len(self.slot), window.length
        self._ids = np.arange(count)
        self.moves = 0
        self.tokens: Ids = np.empty((count, length), np.int64)
        self._energies, self._partitions = np.empty((count, length)), np.empty((count, length, len(self._inverse)))
        self.tried = np.zeros((length, len(self._inverse)), np.int64)
        self.accepted = np.zeros_like(self.tried)
        self._growing = window.decode(count)
        self.tokens[:], self._energies[:], self._partitions[:] = self._grow(0)
        self._read = length - 1  # generated tokens of each chain that the growing sequences agree with

    @property
    def energy(self) -> Array:
        """(B,) E of each chain [nats]."""
        return np.asarray(self._energies.sum(axis=1))

    def move(self) -> None:
        """One proposal for every chain, at a common cut."""
        self.moves += 1
        length = self._window.length
        (number,) = keyed_uniforms(self._seed, Stream.SEQUENCE_PROPOSALS, np.zeros(1, np.int64), self._address(length))
        cut = int(number * length)
        self._restore(cut)
        tokens, energies, partitions = self._grow(cut)
        proposal, rows = self._proposals[self.slot], np.arange(len(self.slot))
        gain = (self._energies[:, cut:] - energies).sum(axis=1) * (self._inverse[self.slot] - 1.0 / proposal)
        kept = self._partitions[rows, cut + 1 :, self.slot].sum(axis=1)
        log_ratio = gain + partitions[rows, 1:, self.slot].sum(axis=1) - kept
        accept = np.log(keyed_uniforms(self._seed, Stream.SEQUENCE_ACCEPTANCE, self._ids, self.moves)) < log_ratio
        self.tokens[accept, cut:] = tokens[accept]
        self._energies[accept, cut:] = energies[accept]
        self._partitions[accept, cut:] = partitions[accept]
        self._read = length - 1 if accept.all() else cut
        np.add.at(self.tried[cut], self.slot, 1)
        np.add.at(self.accepted[cut], self.slot, accept)

    def _restore(self, cut: int) -> None:
        """Brings the growing sequences to the first `cut` tokens of every chain."""
        start = self._window.start
        if min(cut, self._read) < self._growing.length - start:
            self._growing.cut(start + min(cut, self._read))
        for k in range(self._growing.length - start, cut):
            self._growing.extend(self.tokens[:, k])

    def _grow(self, cut: int) -> tuple[Ids, Array, Array]:
        """Draws the tokens from the cut on: ids and energies (B, L - cut), log Z (B, L - cut, K)."""
        steps: list[Step] = []
        for k in range(cut, self._window.length):
            if steps:
                self._growing.extend(steps[-1].tokens)
            number = keyed_uniforms(self._seed, Stream.SEQUENCE_PROPOSALS, self._ids, self._address(k))
            forbidden = self._window.forbidden
            steps.append(draw(self._growing.logits, forbidden, self._proposals, self.slot, number))
        tokens, energies, _, partitions = (np.stack(part, axis=1) for part in zip(*steps, strict=True))
        return tokens, energies, partitions

    def _address(self, k: int) -> int:
        """The step of the random numbers of position k (L for the cut) in the present move."""
        return self.moves * (self._window.length + 1) + k
