"""Builds a run from a scenario and advances it from event to event: frame, observation, planting, checkpoint, check."""

from __future__ import annotations

import hashlib
import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import Bath, Conditions
from gasfield.errors import InputError
from gasfield.forces import Force, Surroundings, TotalForce, build_force
from gasfield.kernels.threads import threads_worth
from gasfield.plugins import plugins_in_use
from gasfield.provenance import versions
from gasfield.scenario import Scenario
from gasfield.scenario.initial_state import Planting, add_planted, initial_velocities, make_roster, place_of
from gasfield.simulation.observables import observe
from gasfield.simulation.stability import Watch
from gasfield.trajectory import Checkpoint, TrajectoryWriter

Progress = Callable[[int], None]
"""Called with the number of steps done since the last call."""

CHECKPOINT_SECONDS = 30.0
"""Wall time between checkpoints where a scenario does not say how many steps."""
_CHECKPOINT_SHARE = 0.05
"""The part of the time that checkpoints may take at most."""
_STRIDE = 100
"""Steps after which the run looks at the clock and at its gas, if nothing else happens before."""


class Simulation:
    """A gas, its forces and its law of motion, ready to run.

    Attributes:
        scenario: what is simulated.
        gas: the state; moves as the run goes on.
        space: where it lives.
        forces: the sum of all forces.
        dynamics: the law of motion at work.
        bath: its temperatures; None where there is none.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Builds everything and checks that the whole run can be done, before anything is written.

        Raises:
            InputError: if a file, a group, a field or a step that the scenario asks for is not there, or its parts have
                no meaning together.
        """
        self.scenario, self.space = scenario, scenario.space
        with scenario.faults_at("gas"):
            roster = make_roster(
                scenario.gas, scenario.tracers, self.space, scenario.seed, scenario.find, scenario.faults_at
            )
        self.gas, self._everyone, self._later = roster.gas, roster.everyone, list(roster.later)
        self._start = self.gas.step
        self._end = self._start + scenario.run.steps
        with scenario.faults_at("temperature"):
            self.bath = Bath(scenario.temperature, self.gas.names) if scenario.temperature else None
        self.forces = TotalForce([self._build_force(number) for number in range(len(scenario.forces))])
        law = scenario.dynamics
        if law.has_velocities:
            warmth = self.bath.at(self._start) if self.bath else None
            with scenario.faults_at("gas"):
                self.gas.velocities = initial_velocities(self.gas, scenario.gas, warmth, self.space, scenario.seed)
        with scenario.faults_at("dynamics"):
            self.dynamics = law.build(self.gas, Conditions(self.space, self.forces, self.bath, scenario.seed))
        self.dynamics.project(self.gas)
        self.dynamics.begin(self.gas)
        self._watch = Watch(self.gas, self.forces, self.dynamics, self.bath)
        self._resumed: Checkpoint | None = None

    def _build_force(self, number: int) -> Force:
        scenario = self.scenario
        with scenario.faults_at("forces", number):
            force = build_force(scenario.forces[number], Surroundings(self.space, scenario.find))
            force.check_gas(self.gas)
            force.check_steps(self._start, self._end + int(scenario.dynamics.looks_ahead))
        return force

    def run(
        self,
        path: Path,
        progress: Progress = lambda steps: None,
        checkpoint: Path | None = None,
    ) -> None:
        """Runs to the end and writes the trajectory.

        Args:
            path: file to create, or to go on with after `resume`.
            progress: hears how many steps were done.
            checkpoint: file to write checkpoints to; none are written if left out.

        Raises:
            BlowUp: if a position is no longer finite, or the energy jumps; the file keeps the frames before.
            InputError: if a tracer is to be planted outside the space.
        """
        with threads_worth(self._work()):
            self._run(path, progress, checkpoint)

    def _work(self) -> int:
        """About how many numbers one loop over the gas touches."""
        count = self._everyone.count
        return count * self.space.dimensions * (count if self.forces.interacting else 1)

    def _run(self, path: Path, progress: Progress, checkpoint: Path | None) -> None:
        with self._open(path) as writer:
            keeper = _Keeper(self, writer, checkpoint)
            if self._resumed is None:
                self._plant()
                self._frame(writer)
                self._observe(writer)
            while self.gas.step < self._end:
                before = self.gas.step
                self._advance_to(self._next_event(), writer)
                self._happen(writer)
                keeper.keep()
                progress(self.gas.step - before)
            keeper.keep(last=True)

    @property
    def steps_done(self) -> int:
        """Steps since the start of the run."""
        return self.gas.step - self._start

    # --- events ------------------------------------------------------------------------------------------------------

    def _next_event(self) -> int:
        """The next step at which something is to be done."""
        run, now = self.scenario.run, self.gas.step
        periods = [run.record_every, run.observe_every or run.record_every, run.checkpoint_every or _STRIDE, _STRIDE]
        events = [now + period - (now - self._start) % period for period in periods]
        return min(*events, self._end, *(planting.tracer.plant_at for planting in self._later))

    def _advance_to(self, step: int, writer: TrajectoryWriter) -> None:
        self._watch.remember()
        while self.gas.step < step:
            self.dynamics.advance(self.gas)
        if self._watch.fault():
            writer.flush()
            raise self._watch.blow_up(self.scenario.dynamics.remedy, writer.path)

    def _happen(self, writer: TrajectoryWriter) -> None:
        """What is due at the step that was reached."""
        run, done = self.scenario.run, self.steps_done
        self._plant()
        if done % run.record_every == 0 or self.gas.step == self._end:
            self._frame(writer)
        if done % (run.observe_every or run.record_every) == 0 or self.gas.step == self._end:
            self._observe(writer)

    def _plant(self) -> None:
        while self._later and self._later[0].tracer.plant_at <= self.gas.step:
            planting = self._later.pop(0)
            with self.scenario.faults_at("tracers", planting.number):
                positions = place_of(
                    planting, self.gas, self._everyone, self.space, self.scenario.seed, self.scenario.find
                )
            self._add(planting, positions)

    def _add(self, planting: Planting, positions: NDArray[np.float64]) -> None:
        add_planted(self.gas, planting, positions)
        self.dynamics.join(self.gas, len(positions))
        self.dynamics.project(self.gas)

    def _frame(self, writer: TrajectoryWriter) -> None:
        gas = self.gas
        velocities = None if gas.velocities is None else self._in_rows(gas.velocities)
        writer.frame(gas.step, gas.time, self._in_rows(gas.positions), velocities)

    def _in_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Every particle in its own row; NaN in the rows of those that are not there yet."""
        if np.array_equal(self.gas.ids, self._everyone.ids):
            return values
        rows = np.full((self._everyone.count, values.shape[1]), np.nan, values.dtype)
        rows[self.gas.ids] = values
        return rows

    def _observe(self, writer: TrajectoryWriter) -> None:
        """Notes all numbers; a field that is known up to the last step only has none there."""
        gas = self.gas
        if gas.step == self._end and not self.scenario.dynamics.looks_ahead and not self._known_at_end():
            return
        for name, value in observe(gas, self.space, self.forces, self.dynamics, self.bath).items():
            writer.observe(name, gas.step, gas.time, value)

    def _known_at_end(self) -> bool:
        try:
            self.forces.check_steps(self._end, self._end + 1)
        except InputError:
            return False
        return True

    # --- files -------------------------------------------------------------------------------------------------------

    def _open(self, path: Path) -> TrajectoryWriter:
        """A new trajectory, or the one that the checkpoint was written beside."""
        resumed = self._resumed
        return self._create(path) if resumed is None else TrajectoryWriter.go_on(path, resumed.lengths)

    def _create(self, path: Path) -> TrajectoryWriter:
        scenario = self.scenario
        freedom = self.dynamics.degrees_of_freedom(self.gas)
        provenance = {
            "source": "simulation",
            "title": scenario.title,
            "scenario": scenario.yaml(),
            "scenario_sha256": scenario.digest(),
            "seed": scenario.seed,
            **({} if freedom is None else {"degrees_of_freedom": freedom}),
            **({"plugins": plugins_in_use()} if plugins_in_use() else {}),
            **scenario.provenance(),
            **versions(),
        }
        everyone = self._everyone
        positions = np.full((everyone.count, everyone.dimensions), np.nan)
        positions[self.gas.ids] = self.gas.positions
        everyone = everyone.at(positions)
        everyone.velocities = None if self.gas.velocities is None else np.zeros(positions.shape)
        return TrajectoryWriter(
            path, everyone, precision=scenario.dynamics.precision, provenance=provenance, periods=self.space.periods
        )

    def checkpoint(self, writer: TrajectoryWriter) -> Checkpoint:
        """The state of the run now, beside its trajectory."""
        gas = self.gas
        arrays: dict[str, NDArray[Any]] = {
            "gas/positions": gas.positions,
            "gas/ids": gas.ids,
            "gas/step": np.array(gas.step),
            "gas/time": np.array(gas.time),
        }
        if gas.velocities is not None:
            arrays["gas/velocities"] = gas.velocities
        law = {f"law/{name}": array for name, array in self.dynamics.state().items()}
        lengths = writer.lengths()
        return Checkpoint(self._identity(), arrays | law | self._watch.state(), lengths)

    def _identity(self) -> str:
        """SHA-256 of what the run is made of: the scenario, and the plug-ins if there are any."""
        plugins = plugins_in_use()
        return hashlib.sha256((self.scenario.digest() + plugins).encode()).hexdigest()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Goes back to where a checkpoint was written; `run` then goes on with its trajectory.

        Raises:
            InputError: if the checkpoint belongs to another scenario, or does not fit.
        """
        if checkpoint.scenario_sha256 != self._identity():
            raise InputError(
                "the checkpoint belongs to another scenario; scenario.yaml or a plug-in was changed since the run."
            )
        state = checkpoint.state
        try:
            self._call_up(state["gas/ids"])
            gas = self.gas
            gas.positions[...] = state["gas/positions"]
            if gas.velocities is not None:
                gas.velocities[...] = state["gas/velocities"]
            gas.step, gas.time = int(state["gas/step"]), float(state["gas/time"])
            law = {name.removeprefix("law/"): array for name, array in state.items() if name.startswith("law/")}
            self.dynamics.restore(law)
            self._watch.restore(state)
        except (KeyError, ValueError) as fault:
            raise InputError(f"the checkpoint does not fit its scenario ({fault}).") from None
        self._resumed = checkpoint

    def _call_up(self, ids: NDArray[np.int64]) -> None:
        """Plants what had been planted, so that all arrays have the sizes that they had."""
        while self._later and self._later[0].ids[0] in ids:
            planting = self._later.pop(0)
            self._add(planting, np.zeros((len(planting.ids), self.gas.dimensions)))


class _Keeper:
    """Writes a checkpoint when one is due: after so many steps, or after a while."""

    def __init__(self, simulation: Simulation, writer: TrajectoryWriter, path: Path | None) -> None:
        self._simulation, self._writer, self._path = simulation, writer, path
        self._due = clock.monotonic() + CHECKPOINT_SECONDS
        self._start = simulation.gas.step

    def keep(self, *, last: bool = False) -> None:
        """Writes a checkpoint if one is due; at the end in any case, for what comes after the run may be killed too."""
        if self._path is None or not (last or self._is_due()):
            return
        begun = clock.monotonic()
        self._simulation.checkpoint(self._writer).save(self._path)
        taken = clock.monotonic() - begun
        self._due = begun + max(CHECKPOINT_SECONDS, taken / _CHECKPOINT_SHARE)

    def _is_due(self) -> bool:
        every = self._simulation.scenario.run.checkpoint_every
        if every is None:
            return clock.monotonic() > self._due
        return (self._simulation.gas.step - self._start) % every == 0
