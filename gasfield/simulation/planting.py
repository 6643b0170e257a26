"""Planting: tracers that appear at later steps of a simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import about
from gasfield.operations import At, Every, Operation, SimulationLike
from gasfield.scenario.initial_state import InitialState, ScheduledTracer
from gasfield.simulation.overlap import require_apart

Values = NDArray[np.float64]
AddParticles = Callable[[ScheduledTracer, Values], None]


class PlantTracers(Operation):
    """Plants each tracer of an initial state at its step."""

    def __init__(self, initial: InitialState, add: AddParticles) -> None:
        """Plants by a function that adds particles at positions (M, D) to the gas."""
        self._initial, self._add, self._later = initial, add, list(initial.later)
        steps = tuple(planting.tracer.plant_at for planting in self._later)
        self.trigger = At(steps=steps) if steps else Every(steps=2**62)

    def fire(self, simulation: SimulationLike) -> None:
        """Plants what is due."""
        while self._later and self._later[0].tracer.plant_at <= simulation.gas.step:
            planting = self._later.pop(0)
            with about("tracers", planting.number):
                positions = self._initial.place_of(planting, simulation.gas)
            self._add(planting, positions)
            with about("tracers", planting.number):
                require_apart(simulation)

    def plant_again(self, ids: NDArray[np.int64]) -> None:
        """Adds the tracers among some particle ids anywhere, so that all arrays have the sizes that they had."""
        while self._later and self._later[0].ids[0] in ids:
            planting = self._later.pop(0)
            self._add(planting, np.zeros((len(planting.ids), self._initial.space.dimensions)))
