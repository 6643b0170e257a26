"""The states before each touch, for undo: as many as a bounded memory holds, the oldest are dropped."""

from __future__ import annotations

from collections import deque

from gasfield.simulation.snapshot import Snapshot

MOST_BYTES = 1 << 27
_MOST = 1000


class History:
    """States in the order in which they were left."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """An empty history of at most so many bytes, and one state in any case."""
        self._most, self._bytes = most_bytes, 0
        self._kept: deque[tuple[Snapshot, int]] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, snapshot: Snapshot) -> None:
        """Adds the state before a touch."""
        size = sum(array.nbytes for array in snapshot.arrays.values())
        self._kept.append((snapshot, size))
        self._bytes += size
        while len(self._kept) > 1 and (self._bytes > self._most or len(self._kept) > _MOST):
            self._bytes -= self._kept.popleft()[1]

    def last(self) -> Snapshot:
        """The state before the last touch, which is the next one to be undone."""
        return self._kept[-1][0]

    def drop(self) -> None:
        """Forgets the last one."""
        self._bytes -= self._kept.pop()[1]

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
        self._bytes = 0
