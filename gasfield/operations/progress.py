"""Progress: how many steps were done, for a bar or a log."""

from __future__ import annotations

from collections.abc import Callable

from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import STRIDE, Every, Trigger, any_of

Progress = Callable[[int], None]
"""Called with the number of steps done since the last call."""


class ProgressReporter(Operation):
    """Reports the steps done since its last report."""

    def __init__(self, report: Progress, *triggers: Trigger) -> None:
        """Reports every `STRIDE` steps, and whenever one of some triggers fires."""
        self.trigger = any_of(Every(steps=STRIDE), *triggers)
        self._report, self._reported = report, 0

    def begin(self, simulation: SimulationLike) -> None:
        """Counts from here."""
        self._reported = simulation.gas.step

    def tick(self, simulation: SimulationLike) -> None:
        """As at an event: slow steps are reported too."""
        self.fire(simulation)

    def fire(self, simulation: SimulationLike) -> None:
        """Reports, if a step was done."""
        done = simulation.gas.step - self._reported
        if done:
            self._reported = simulation.gas.step
            self._report(done)
