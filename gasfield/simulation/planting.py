"""Planting: tracers that appear at later steps of a simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gasfield.errors import about
from gasfield.operations import At, Every, Operation, SimulationLike
from gasfield.scenario.initial_state import ScheduledTracer


class PlantTracers(Operation):
    """Plants each tracer of an initial state at its step."""

    def __init__(self, later: Sequence[ScheduledTracer], plant: Callable[[ScheduledTracer], None]) -> None:
        """Plants by a function that adds a tracer to the gas where it belongs now."""
        self._plant, self._later = plant, list(later)
        steps = tuple(planting.tracer.plant_at for planting in later)
        self.trigger = At(steps=steps) if steps else Every(steps=2**62)

    def fire(self, simulation: SimulationLike) -> None:
        """Plants what is due."""
        while self._later and self._later[0].tracer.plant_at <= simulation.gas.step:
            planting = self._later.pop(0)
            with about("tracers", planting.number):
                self._plant(planting)

    def wait_for(self, later: Sequence[ScheduledTracer]) -> None:
        """These are still to be planted, when the simulation is set to another state."""
        self._later = list(later)
