"""Replica exchange over temperatures: the swap, and how often replicas travel the whole ladder.

Replicas at T_i and T_j with energies E_i and E_j exchange their temperatures with probability

    min(1, exp((1/T_i - 1/T_j) (E_i - E_j))),

the exact ratio of the product of Boltzmann's laws after and before (Swendsen and Wang 1986; Hukushima and Nemoto 1996).
Neighbours try in turn: pairs (0, 1), (2, 3), ... and (1, 2), (3, 4), ....
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.operations.walkers import Walkers
from gasfield.sampling.sequences.step import keyed_uniforms
from gasfield.streams import Stream

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Ladders:
    """Which replica is at which temperature, in G independent ladders of K temperatures.

    Replica k of ladder g is row g K + k.

    Attributes:
        tried, accepted: (K - 1,) exchanges between neighbours, over all ladders.
    """

    def __init__(self, temperatures: Array, ladders: int, seed: int) -> None:
        self._inverse, self._seed, self._attempts = 1.0 / temperatures, seed, 0
        self._walkers = Walkers(len(temperatures), ladders)
        self._first = np.arange(ladders)[:, None] * len(temperatures)
        self.tried = np.zeros(len(temperatures) - 1, np.int64)
        self.accepted = np.zeros_like(self.tried)

    @property
    def replica(self) -> Index:
        """(G, K) the row of the replica at each temperature."""
        return np.asarray(self._first + self._walkers.at.T)

    @property
    def slot(self) -> Index:
        """(G K,) index of the temperature of each replica."""
        replica = self.replica
        found = np.empty(replica.size, np.int64)
        found[replica] = np.arange(replica.shape[1])
        return found

    @property
    def round_trips(self) -> int:
        """Trips from the coldest temperature to the hottest and back, of all replicas."""
        return int(self._walkers.trips.sum())

    def exchange(self, energy: Array) -> None:
        """One attempt of every second pair of neighbours, of the only pair always, given the energies (G K,)."""
        first, self._attempts = self._attempts % min(2, max(len(self.tried), 1)), self._attempts + 1
        for low in range(first, len(self.tried), 2):
            here = energy[self.replica]
            gain = (self._inverse[low] - self._inverse[low + 1]) * (here[:, low] - here[:, low + 1])
            drawn = keyed_uniforms(self._seed, Stream.EXCHANGES, self._first[:, 0] + low, self._attempts)
            swap = np.log(drawn) < gain
            self._walkers.exchange(low, swap)
            self.tried[low] += len(swap)
            self.accepted[low] += swap.sum()
