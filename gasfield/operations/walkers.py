"""Walkers on ladders of temperatures: which is where, and how often each has gone to the hot end and come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOWHERE, _FROM_COLD, _FROM_HOT = 0, 1, 2


class Walkers:
    """K walkers on each of M ladders.

    Attributes:
        at: (K, M) which walker is at each temperature.
        trips: (K, M) round trips of each walker: from the coldest temperature to the hottest and back.
    """

    def __init__(self, temperatures: int, ladders: int) -> None:
        """Starts with walker k at temperature k."""
        self.at = np.repeat(np.arange(temperatures)[:, None], ladders, axis=1)
        self.trips = np.zeros((temperatures, ladders), np.int64)
        self._last = np.full((temperatures, ladders), _NOWHERE, np.int8)
        self._arrive()

    def exchange(self, low: int, accepted: NDArray[np.bool_]) -> None:
        """Exchanges the walkers at temperatures `low` and `low` + 1 on the accepted ladders (M,)."""
        cold, hot = self.at[low].copy(), self.at[low + 1]
        self.at[low] = np.where(accepted, hot, cold)
        self.at[low + 1] = np.where(accepted, cold, hot)
        self._arrive()

    def _arrive(self) -> None:
        """Notes who is at an end; one that was at the hot end since it left the cold one has made a round trip."""
        ladders = np.arange(self.at.shape[1])
        hottest, coldest = self.at[-1], self.at[0]
        last = self._last[hottest, ladders]
        self._last[hottest, ladders] = np.where(last == _FROM_COLD, _FROM_HOT, last)
        self.trips[coldest, ladders] += self._last[coldest, ladders] == _FROM_HOT
        self._last[coldest, ladders] = _FROM_COLD

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of everything."""
        return {"walkers": self.at.copy(), "trips": self.trips.copy(), "last": self._last.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave."""
        self.at, self.trips, self._last = (state[name].copy() for name in ("walkers", "trips", "last"))
