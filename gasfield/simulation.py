"""Builds a run from a scenario and advances it from event to event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import BlowUp, InputError
from gasfield.forces import Force, Surroundings
from gasfield.initial import make_gas
from gasfield.provenance import versions
from gasfield.scenario import Scenario
from gasfield.trajectory import TrajectoryWriter

Progress = Callable[[int], None]
"""Called with the number of steps done since the last call."""


class Simulation:
    """A gas, its forces and its law of motion, ready to run.

    Attributes:
        scenario: what is simulated.
        gas: the state; moves as the run goes on.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Builds everything and checks that the whole run can be done, before anything is written.

        Raises:
            InputError: if a file, a group, a field or a step that the scenario asks for is not there.
        """
        self.scenario = scenario
        try:
            self.gas = make_gas(scenario.gas, scenario.tracers, scenario.space.dimensions, scenario.seed, scenario.find)
        except InputError as error:
            raise scenario.fault_at(("gas",), error) from None
        self._dynamics = scenario.dynamics.build(self.gas)
        self._dynamics.project(self.gas)
        self._forces = [self._build_force(index) for index in range(len(scenario.forces))]

    def _build_force(self, index: int) -> Force:
        scenario = self.scenario
        try:
            force = scenario.forces[index].build(Surroundings(scenario.space.dimensions, scenario.find))
            force.check_steps(self.gas.step, self.gas.step + scenario.run.steps)
        except InputError as error:
            raise scenario.fault_at(("forces", index), error) from None
        return force

    def force(self, positions: NDArray[np.floating], step: int) -> NDArray[np.float64]:
        """Sum of all forces (N, D) at given positions (N, D) and step."""
        places = np.ascontiguousarray(positions, np.float64)
        total = np.zeros(places.shape)
        for force in self._forces:
            force.add(places, step, total)
        return total

    def potential_energy(self) -> float | None:
        """Mean potential energy of a particle now; None if a force has none."""
        if not self._forces or not all(force.conservative for force in self._forces):
            return None
        places = np.ascontiguousarray(self.gas.positions, np.float64)
        return float(sum(force.energy(places, self.gas.step).mean() for force in self._forces))

    def run(self, path: Path, progress: Progress = lambda steps: None) -> None:
        """Runs to the end and writes the trajectory.

        Args:
            path: file to create.
            progress: hears how many steps were done.

        Raises:
            BlowUp: if a position is no longer finite; the file keeps the frames before it.
        """
        with self._writer(path) as writer:
            self._record(writer, energy=True)
            done, every, steps = 0, self.scenario.run.record_every, self.scenario.run.steps
            while done < steps:
                stride = min(every, steps - done)
                for _ in range(stride):
                    self._dynamics.advance(self.gas, self.force)
                done += stride
                self._check_finite(writer)
                self._record(writer, energy=done < steps)
                progress(stride)

    def _writer(self, path: Path) -> TrajectoryWriter:
        dynamics = self.scenario.dynamics
        provenance = {
            "source": "simulation",
            "title": self.scenario.title,
            "scenario": self.scenario.yaml(),
            "scenario_sha256": self.scenario.digest(),
            "seed": self.scenario.seed,
            **versions(),
        }
        return TrajectoryWriter(path, self.gas, precision=dynamics.parameters, provenance=provenance)

    def _record(self, writer: TrajectoryWriter, *, energy: bool) -> None:
        """A frame; and the potential energy, which a recorded field has at every step but the last."""
        gas = self.gas
        writer.frame(gas.step, gas.time, gas.positions)
        potential = self.potential_energy() if energy else None
        if potential is not None:
            writer.observe("potential_energy", gas.step, gas.time, potential)

    def _check_finite(self, writer: TrajectoryWriter) -> None:
        """Looks after the event, not in the kernels, where fast arithmetic may not see a NaN."""
        bad = np.flatnonzero(~np.isfinite(self.gas.positions).all(axis=1))
        if not len(bad):
            return
        writer.flush()
        first = int(bad[0])
        name = self.gas.names[int(self.gas.species[first])]
        raise BlowUp(
            f"step {self.gas.step}: particle {first} (group '{name}') is no longer at a finite position, and "
            f"{len(bad) - 1} others with it. The frames before are in {writer.path}. Try a smaller learning rate, or "
            "start nearer to the recorded rows."
        )
