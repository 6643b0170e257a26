"""Checkpoints: the state of a simulation and how far its trajectory had come, for going on after a kill."""

from __future__ import annotations

import math
import time as clock
from pathlib import Path

import numpy as np

from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import STRIDE, Every, any_of
from gasfield.trajectory import Checkpoint

CHECKPOINT_SECONDS = 30.0
"""Wall time between checkpoints where nothing says how many steps."""
_FIRST_SECONDS = 1.0
"""Wall time until the first checkpoint."""
_SHARE, _FIRST_SHARE = 0.05, 0.01
"""The part of the time that checkpoints may take at most; and the first one."""
_BANDWIDTH = 1e8
"""A low estimate of the speed at which a checkpoint is written [bytes/s]."""


class Checkpointer(Operation):
    """Writes a checkpoint after a second, and then every so many steps or after a while.

    Attributes:
        folder: the run directory.
    """

    def __init__(self, folder: Path, identity: str, every: int | None = None) -> None:
        """Writes to a run directory.

        Args:
            folder: the directory.
            identity: of the scenario and its plug-ins; another one cannot continue.
            every: steps between checkpoints; about `CHECKPOINT_SECONDS` if left out.
        """
        self.folder, self._identity = folder, identity
        self._steps = Every(steps=every) if every else None
        self.trigger = any_of(Every(steps=STRIDE), *([self._steps] if self._steps else []))
        self._due = math.inf

    def begin(self, simulation: SimulationLike) -> None:
        """The time begins."""
        expected = simulation.gas.positions.nbytes / _BANDWIDTH
        self._due = clock.monotonic() + min(CHECKPOINT_SECONDS, max(_FIRST_SECONDS, expected / _FIRST_SHARE))

    def fire(self, simulation: SimulationLike) -> None:
        """Writes one if it is time; not at the very start, where there is nothing to lose."""
        step, start = simulation.gas.step, simulation.start
        due = clock.monotonic() >= self._due or (self._steps is not None and self._steps.fires(step, start))
        if due and step > start:
            self.save(simulation)

    def soon(self) -> None:
        """Writes one as soon as possible."""
        self._due = clock.monotonic()

    def tick(self, simulation: SimulationLike) -> None:
        """Writes one if it is time, between two events, where nothing has looked at the state yet."""
        if clock.monotonic() >= self._due and bool(np.isfinite(simulation.gas.positions).all()):
            self.save(simulation)

    def save(self, simulation: SimulationLike) -> None:
        """Writes one now.

        Raises:
            WriteError: if that is impossible; the one before is kept.
        """
        begun = clock.monotonic()
        Checkpoint(self._identity, simulation.state()).save(self.folder)
        taken = clock.monotonic() - begun
        self._due = math.inf if self._steps else begun + max(CHECKPOINT_SECONDS, taken / _SHARE)
