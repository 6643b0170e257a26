"""What is computed after a simulation: timed, and said where it takes longer than the simulation."""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Callable

from gasfield.errors import Note

PATIENCE = 2.0
"""Seconds that a diagnostic may take, however short the simulation was."""
Stage = Callable[[str], None]


class Stages:
    """A listener to stages, named "GROUP: DIAGNOSTIC" or otherwise, that measures them and tells another one.

    Attributes:
        seconds: of each diagnostic, for all groups together.
    """

    def __init__(self, listener: Stage | None) -> None:
        """Nothing has begun."""
        self.seconds: dict[str, float] = {}
        self._listener, self._name, self._begun = listener, "", 0.0

    def begin(self, name: str) -> None:
        """Ends the stage before, and begins one."""
        self.end()
        self._name, self._begun = name.rpartition(": ")[2], clock.perf_counter()
        if self._listener is not None:
            self._listener(name)

    def end(self) -> None:
        """Ends the present stage."""
        if self._name:
            took = clock.perf_counter() - self._begun
            self.seconds[self._name] = self.seconds.get(self._name, 0.0) + took
        self._name = ""

    def note_slow(self, simulated: float) -> None:
        """Notes which diagnostics have taken longer than the simulation, whose seconds are given."""
        slow = {name: took for name, took in self.seconds.items() if took > max(simulated, PATIENCE)}
        if slow:
            listed = ", ".join(f"{name} {took:.1f} s" for name, took in sorted(slow.items(), key=lambda item: -item[1]))
            text = f"took longer than the simulation ({simulated:.1f} s): {listed}"
            warnings.warn(Note(f"{text}; `diagnostics` in a scenario says which are computed"), stacklevel=3)
