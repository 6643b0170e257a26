"""Replica exchange over temperatures: the swap, and how often replicas travel the whole ladder.

Replicas at T_i and T_j with energies E_i and E_j exchange their temperatures with probability

    min(1, exp((1/T_i - 1/T_j) (E_i - E_j))),

the exact ratio of the product of Boltzmann's laws after and before (Swendsen and Wang 1986; Hukushima and Nemoto 1996).
Neighbours try in turn: pairs (0, 1), (2, 3), ... and (1, 2), (3, 4), ....
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.sampling.sequences.step import keyed_uniforms
from gasfield.streams import Stream

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Ladders:
    """Which replica is at which temperature, in G independent ladders of K temperatures.

    Attributes:
        replica: (G, K) the row of the replica at each temperature.
        tried, accepted: (K - 1,) exchanges between neighbours, over all ladders.
        round_trips: (G K,) completed trips of each replica from the coldest temperature to the hottest and back.
    """

    def __init__(self, temperatures: Array, ladders: int, seed: int) -> None:
        self._inverse, self._seed, self._attempts = 1.0 / temperatures, seed, 0
        count = len(temperatures)
        self.replica: Index = np.arange(ladders * count, dtype=np.int64).reshape(ladders, count)
        self.tried, self.accepted = np.zeros(count - 1, np.int64), np.zeros(count - 1, np.int64)
        self.round_trips = np.zeros(ladders * count, np.int64)
        self._way = np.zeros(ladders * count, np.int64)  # 0: not yet cold; 1: cold last; 2: hot since
        self._mark()

    @property
    def slot(self) -> Index:
        """(G K,) index of the temperature of each replica."""
        found = np.empty(self.replica.size, np.int64)
        found[self.replica] = np.arange(self.replica.shape[1])
        return found

    def exchange(self, energy: Array) -> None:
        """One attempt of every second pair of neighbours, given the energies (G K,) of the replicas."""
        ladders, count = self.replica.shape
        lower = np.arange(self._attempts % 2, count - 1, 2)
        self._attempts += 1
        if not lower.size:
            return
        cold, hot = self.replica[:, lower], self.replica[:, lower + 1]
        gain = (self._inverse[lower] - self._inverse[lower + 1]) * (energy[cold] - energy[hot])
        ids = (np.arange(ladders)[:, None] * count + lower).reshape(-1)
        chance = keyed_uniforms(self._seed, Stream.EXCHANGES, ids, self._attempts).reshape(gain.shape)
        swap = np.log(chance) < gain
        self.replica[:, lower], self.replica[:, lower + 1] = np.where(swap, hot, cold), np.where(swap, cold, hot)
        self.tried[lower] += ladders
        self.accepted[lower] += swap.sum(axis=0)
        self._mark()

    def _mark(self) -> None:
        """Notes which replicas are at the ends."""
        cold, hot = self.replica[:, 0], self.replica[:, -1]
        if self.replica.shape[1] < 2:
            return
        self.round_trips[cold] += self._way[cold] == 2
        self._way[cold] = 1
        self._way[hot] = np.where(self._way[hot] == 1, 2, self._way[hot])
