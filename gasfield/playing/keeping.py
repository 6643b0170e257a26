"""A session in a run directory: a trajectory as `run` writes it, checkpoints, and `played.yaml`, which is replaced
whole before an event acts. It can be finished by `gasfield resume`, or played on."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from gasfield.errors import InputError
from gasfield.files import remove, write_file
from gasfield.operations import Callback, Checkpointer, TrajectoryRecorder
from gasfield.playing.played import as_played, last_plan, text_of, with_files_found
from gasfield.resources import ARRAYS, TRAJECTORY
from gasfield.runs.directory import check_output, erase, new_directory
from gasfield.runs.former import SUMMARY
from gasfield.runs.manifest import PLAYED, SCENARIO, Manifest
from gasfield.runs.run import built_again, load_again, newest_checkpoint, reopened
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.events import Event
from gasfield.simulation import Simulation
from gasfield.simulation.room import require_room_for_run
from gasfield.simulation.snapshot import Snapshot
from gasfield.trajectory import Checkpoint


class Kept:
    """A session in a directory, which is this process's until it ends.

    Attributes:
        directory: it.
        simulation: what is played, with a trajectory and checkpoints among its operations.
        start: the state of the start, where the session goes on from a later one.
        touches: the events of a session that goes on which were played before.
    """

    def __init__(self, directory: Path, simulation: Simulation, manifest: Manifest, stack: ExitStack) -> None:
        self.directory, self.simulation = directory, simulation
        self.start: Snapshot | None = None
        self.touches: tuple[Event, ...] = ()
        self._told: Callable[[Simulation], None] | None = None
        self._manifest, self._stack, self._begun = manifest, stack, clock.perf_counter()
        assert simulation.scenario is not None
        self._scenario: Scenario = simulation.scenario
        run = self._scenario.run
        self._recorder = TrajectoryRecorder(
            directory / TRAJECTORY, run.record_every, run.observe_every or run.record_every
        )
        self._checkpointer = Checkpointer(directory, manifest.identity, run.checkpoint_every)
        simulation.directory = directory
        simulation.add_operation(self._recorder, first=True)
        simulation.add_operation(self._checkpointer)
        simulation.live = True

    @classmethod
    def begin(cls, scenario: Scenario, output: Path, *, overwrite: bool = False) -> Kept:
        """A session in a new directory.

        Raises:
            InputError: if the scenario cannot be run, or the directory exists; nothing is written then.
        """
        simulation = Simulation.from_scenario(scenario)
        found = with_files_found(scenario)
        if found is not scenario:
            simulation = Simulation.from_scenario(found)
        simulation.require_start()
        check_output(output, overwrite=overwrite)
        require_room_for_run(found, simulation.everyone.count, output)
        text = text_of(found)
        manifest = Manifest.of(simulation, found, text, played=True)
        with ExitStack() as stack:
            directory = stack.enter_context(new_directory(found.name, output, text, manifest))
            kept = cls(directory, simulation, manifest, stack.pop_all())
        kept._write(found.events)
        return kept

    @classmethod
    def resume(cls, directory: Path) -> Kept:
        """A session that was ended or killed, after its last touch or its last checkpoint, whichever is later.

        Raises:
            InputError: if there is none in the directory, or something was changed.
        """
        with ExitStack() as stack:
            manifest = stack.enter_context(reopened(directory))
            if not manifest.played:
                raise InputError(f"{directory}: is a run, not a session that was played; play its {SCENARIO}.")
            scenario = load_again(directory, manifest, None)
            simulation, manifest = built_again(directory, manifest, scenario)
            manifest.require_arithmetic()
            checkpoint = newest_checkpoint(directory, manifest, simulation)
            start, own = _start(directory)
            manifest = manifest.write(directory, simulated=False, finished=False)
            for results in (SUMMARY, ARRAYS):
                remove(directory / results)
            kept = cls(directory, simulation, manifest, stack.pop_all())
        kept.start = start
        kept.touches = tuple(event for event in scenario.events if event not in own)
        kept._go_on_from(checkpoint)
        return kept

    def _go_on_from(self, checkpoint: Checkpoint | None) -> None:
        simulation, done = self.simulation, 0
        if checkpoint is None:
            for name in (TRAJECTORY, *self._manifest.operations):
                remove(self.directory / name)
        else:
            simulation.restore(checkpoint.state, further=True)
            done = simulation.steps_done + 1  # what is done to the gas next shows in frames that are not written yet
        simulation.step(max(self._scenario.run.steps, done) - simulation.steps_done)

    def when_recorded(self, function: Callable[[Simulation], None]) -> None:
        """Calls a function whenever a frame has been recorded."""
        self._told = function
        self.simulation.add_operation(Callback(function, every=self._scenario.run.record_every))

    # --- while it is played ------------------------------------------------------------------------------------------

    def before(self, events: Sequence[Event], step: int) -> None:
        """Writes the events that there will be."""
        self._write(events, step)

    def back(self, events: Sequence[Event], step: int) -> None:
        """Writes the events that will be left; checkpoints, which may be of what is undone, are deleted."""
        Checkpoint.delete_all(self.directory)
        self._write(events, step)
        self._checkpointer.soon()

    def _write(self, events: Sequence[Event], step: int | None = None) -> None:
        write_file(self.directory / PLAYED, text_of(self._played(events, step)))

    def _played(self, events: Sequence[Event], step: int | None = None) -> Scenario:
        start = self.simulation.start
        steps = (self.simulation.gas.step if step is None else step) - start
        return as_played(self._scenario, events, steps, start, last_plan(self._scenario, events))

    # --- the end -----------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Finishes the trajectory, which is laid out as that of a run of `played.yaml`, and the directory."""
        simulation = self.simulation
        if not simulation.steps_done:
            simulation.step(1)
        played = self._played(simulation.events)
        write_file(self.directory / PLAYED, text_of(played))
        simulation.scenario = played
        self._recorder.touched(simulation)
        simulation.settle()
        self._checkpointer.save(simulation)
        self._recorder.complete(simulation)
        if simulation.steps_done % played.run.record_every and self._told is not None:
            self._told(simulation)
        simulation.close()
        seconds = clock.perf_counter() - self._begun
        self._manifest.write(self.directory, simulated=True, seconds=seconds)
        self._stack.close()

    def drop(self) -> None:
        """Deletes a session of which no step was taken."""
        for operation in self.simulation.operations:
            operation.close()
        erase(self.directory, self._manifest)
        self._stack.close()

    def abandon(self, *, good: bool = True) -> None:
        """Leaves it as it is, so that it can be resumed.

        Args:
            good: whether its present state is one to go on from.
        """
        simulation = self.simulation
        try:
            if good and simulation.steps_done:
                simulation.settle()
                self._checkpointer.save(simulation)
                self._write(simulation.events)
        finally:
            for operation in simulation.operations:
                operation.flush()
                operation.abandon()
            self._stack.close()


def _start(directory: Path) -> tuple[Snapshot, tuple[Event, ...]]:
    """The state of the start of a session, and the events that its scenario has of its own."""
    scenario = load_scenario(directory / SCENARIO)
    simulation = Simulation.from_scenario(scenario)
    simulation.live = True
    return simulation.step(0).snapshot(), scenario.events
