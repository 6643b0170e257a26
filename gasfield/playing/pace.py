"""How many steps are taken at a time: a pace that can be watched, and frames in between."""

from __future__ import annotations

TICK = 1.0 / 60.0
"""Seconds of a frame: at a speed of n, n steps are taken in it."""
FAST = 10_000
"""Speeds from which steps wait for no clock."""
_WATCHED, _ALONE = 1.0 / 30.0, 0.5
"""Seconds of steps that are taken at once, at most: while a frame is waited for, and while none is."""
_TOGETHER = 6
"""Ticks that are taken at once while no frame is waited for."""
_BEHIND = 0.1
"""Seconds that are made up for where steps were late."""


class Pace:
    """When the next steps are due, and how many."""

    def __init__(self, *, unpaced: bool = False) -> None:
        """Steps are due at once; always if it is not paced."""
        self._unpaced = unpaced
        self._rate = 0.0
        self._due = self._next_frame = 0.0
        self._ticks = 1
        self._hurry = False

    def is_due(self, now: float) -> bool:
        """Whether steps are to be taken."""
        return now >= self._due

    def wait(self, now: float) -> float:
        """Seconds until they are."""
        return max(self._due - now, 0.0)

    def until_frame(self, now: float) -> float:
        """Seconds until another frame may be sent."""
        return max(self._next_frame - now, 0.0)

    def frame_at(self, now: float) -> None:
        """A frame is sent."""
        self._next_frame = now + 0.9 * TICK

    def steps(self, speed: int, *, hurry: bool, watched: bool) -> int:
        """Steps to take at once.

        Args:
            speed: steps of a tick.
            hurry: whether they wait for no clock in any case.
            watched: whether a frame is waited for.
        """
        seconds = _WATCHED if watched else _ALONE
        most = max(int(self._rate * seconds), 1) if self._rate else 1
        self._hurry = hurry or self._unpaced or speed >= FAST
        if self._hurry:
            return most
        self._ticks = 1 if watched else _TOGETHER
        return min(speed * self._ticks, most)

    def note(self, done: int, begun: float, ended: float, speed: int) -> None:
        """So many steps were taken between two times."""
        span = ended - begun
        if done and span > 0.0:
            rate = done / span
            self._rate = rate if not self._rate else min(0.5 * (self._rate + rate), 4.0 * self._rate)
        if self._hurry:
            self._due = ended
            return
        share = done / speed
        self._due = max(self._due + share * TICK, ended - _BEHIND)
