"""Checkpoints: the state of a simulation and how far its trajectory had come, for going on after a kill."""

from __future__ import annotations

import time as clock
from pathlib import Path

from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import Every, Seconds
from gasfield.trajectory import Checkpoint

CHECKPOINT_SECONDS = 30.0
"""Wall time between checkpoints where nothing says how many steps."""
_SHARE = 0.05
"""The part of the time that checkpoints may take at most."""


class Checkpointer(Operation):
    """Writes a checkpoint every so many steps, or after a while."""

    def __init__(self, path: Path, identity: str, every: int | None = None) -> None:
        """Writes to two files in turn.

        Args:
            path: folder of its files.
            identity: of the scenario and its plug-ins; another one cannot continue.
            every: steps between checkpoints; about `CHECKPOINT_SECONDS` if left out.
        """
        self._path, self._identity = path, identity
        self.trigger = Every(steps=every) if every else Seconds(seconds=CHECKPOINT_SECONDS)

    def fire(self, simulation: SimulationLike) -> None:
        """Writes one; not at the very start, where there is nothing to lose."""
        if simulation.gas.step > simulation.start:
            self.save(simulation)

    def save(self, simulation: SimulationLike) -> None:
        """Writes one now."""
        begun = clock.monotonic()
        Checkpoint(self._identity, simulation.state()).save(self._path)
        taken = clock.monotonic() - begun
        if isinstance(self.trigger, Seconds):
            self.trigger.postpone(begun + max(0.0, taken / _SHARE - CHECKPOINT_SECONDS))
