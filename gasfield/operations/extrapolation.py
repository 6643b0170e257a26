"""A note when particles leave the region in which a learned field was sampled."""

from __future__ import annotations

import warnings

from gasfield.errors import Note
from gasfield.operations.base import Operation, SimulationLike
from gasfield.operations.triggers import STRIDE, Every


class ExtrapolationWatch(Operation):
    """Looks every `STRIDE` steps, and says once when particles are outside. The share outside is also an observable of
    the run, `outside`, at every step at which observables are written."""

    def __init__(self) -> None:
        """Has said nothing yet."""
        self.trigger = Every(steps=STRIDE)
        self._said = False

    def fire(self, simulation: SimulationLike) -> None:
        """Looks at the gas as it is now."""
        if self._said:
            return
        outside = simulation.forces.outside(simulation.gas)
        if outside is not None and outside.any():
            self._said = True
            text = (
                f"{outside.mean():.1%} of the particles are outside the region in which the field was learned, at step "
                f"{simulation.gas.step} for the first time (looked at every {STRIDE} steps): the field is an "
                "extrapolation there. The share is the observable 'outside' of the trajectory"
            )
            warnings.warn(Note(text), stacklevel=2)
