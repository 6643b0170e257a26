"""The events of a simulation as an operation: each takes effect after its step, and its work is counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gasfield.errors import about
from gasfield.operations import At, Every, Operation, SimulationLike
from gasfield.simulation.arrangement import Arrangement


class Events(Operation):
    """Lets the events that are due take effect.

    Attributes:
        work: the energy that events have given to the gas [energy]; NaN where a force has no potential energy.
    """

    def __init__(self, arrangement: Callable[[], Arrangement], act: Callable[[], float]) -> None:
        """Looks up which events are pending, and lets the next one act, which returns its work."""
        self._arrangement, self._act = arrangement, act
        self.work = 0.0
        self.look()

    def look(self) -> None:
        """Finds out when the next events are due."""
        steps = tuple(sorted({event.at for event in self._arrangement().pending}))
        self.trigger = At(steps=steps) if steps else Every(steps=2**62)

    def fire(self, simulation: SimulationLike) -> None:
        """Lets those of this step act, in their order."""
        acted = False
        while (pending := self._arrangement().pending) and pending[0].at <= simulation.gas.step:
            with about("events", self._arrangement().done):
                self.work += self._act()
            acted = True
        if acted:
            self.look()

    def measures(self, simulation: SimulationLike) -> dict[str, float]:
        """`event_work`: the work of all events so far, where there are any, and the energy is known."""
        has_energy = simulation.forces.conservative and not simulation.law.force_is_velocity
        known = self._arrangement().events and has_energy and np.isfinite(self.work)
        return {"event_work": self.work} if known else {}
