"""A trajectory file: frames and observables of a simulation, each at steps of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.operations.base import Operation, OperationSpec, SimulationLike
from gasfield.operations.triggers import AnyTrigger, Trigger, any_of, trigger_of
from gasfield.registry import register
from gasfield.trajectory import TrajectoryWriter, schema

Shorthand = Trigger | int | Sequence[int] | dict[str, Any]


class TrajectoryRecorder(Operation):
    """Writes a trajectory file (H5MD).

    Attributes:
        path: the file.
    """

    def __init__(
        self,
        path: Path | str,
        frames: Shorthand = 1,
        observables: Shorthand | None = None,
        *,
        in_directory: bool = False,
    ) -> None:
        """A file that does not exist yet.

        Args:
            path: the file to create.
            frames: when positions, and velocities where there are any, are written: a trigger or its shorthand.
            observables: when energies and other numbers are written; as often as frames if left out.
            in_directory: whether the path is one in the simulation's own directory.
        """
        self.path, self._in_directory = Path(path), in_directory
        self._frames = trigger_of(frames)
        self._observables = self._frames if observables is None else trigger_of(observables)
        self.trigger = any_of(self._frames, self._observables)
        self._writer: TrajectoryWriter | None = None
        self._rows = 0
        self._stated: dict[str, Any] | None = None
        self._lengths: dict[str, int] | None = None

    def begin(self, simulation: SimulationLike) -> None:
        """Creates the file, or continues the one that `restore` has named.

        Raises:
            InputError: if the file exists, or lacks frames to continue with.
        """
        self._rows = simulation.everyone.count
        if self._in_directory:
            self.path = simulation.directory / self.path
        if self._lengths is not None:
            self._writer = TrajectoryWriter.go_on(self.path, self._lengths)
            self._describe(simulation)  # a run that is extended has another number of steps
            return
        if self.path.exists():
            raise InputError(f"{self.path} exists already.", parameter="file")
        everyone = simulation.everyone.at(simulation.in_rows(simulation.gas.unwrapped))
        everyone.velocities = None if simulation.gas.velocities is None else np.zeros(everyone.positions.shape)
        self._writer = TrajectoryWriter(
            self.path,
            everyone,
            precision=simulation.law.lattice,
            provenance=simulation.provenance(),
            periods=simulation.space.periods,
        )

    def touched(self, simulation: SimulationLike) -> None:
        """Says in the file what has happened.

        Raises:
            InputError: if particles have come for whom the file has no rows.
        """
        if self._writer is None:
            return
        if simulation.everyone.count != self._rows:
            text = (
                f"{self.path} has rows for {self._rows} particles, and none for more: list what is planted in `events`"
            )
            raise InputError(f"{text} before the file is begun.")
        self._describe(simulation)

    def _describe(self, simulation: SimulationLike) -> None:
        assert self._writer is not None
        stated = simulation.provenance()
        names = ("scenario", "scenario_sha256", schema.EVENTS)
        kept = {name: stated[name] for name in names if name in stated}
        if kept != self._stated:
            self._writer.describe(schema.PROVENANCE, **kept)
            self._stated = kept

    def fire(self, simulation: SimulationLike) -> None:
        """Writes a frame, observables, or both."""
        due = (simulation.gas.step, simulation.start)
        self._write(simulation, frame=self._frames.fires(*due), observables=self._observables.fires(*due))

    def complete(self, simulation: SimulationLike) -> None:
        """Writes what was not due at the last step, so that the file ends with it."""
        due = (simulation.gas.step, simulation.start)
        self._write(simulation, frame=not self._frames.fires(*due), observables=not self._observables.fires(*due))

    def _write(self, simulation: SimulationLike, *, frame: bool, observables: bool) -> None:
        assert self._writer is not None
        gas = simulation.gas
        if frame:
            velocities = None if gas.velocities is None else simulation.in_rows(gas.velocities)
            self._writer.frame(gas.step, gas.time, simulation.in_rows(gas.unwrapped), velocities)
        if observables and simulation.forces_known():
            for name, value in simulation.observe().items():
                self._writer.observe(name, gas.step, gas.time, value)

    def flush(self) -> Path | None:
        """Brings everything to the file."""
        if self._writer is None:
            return None
        self._writer.flush()
        return self.path

    def close(self) -> None:
        """Finishes the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def abandon(self) -> None:
        """Closes the file as it was after the last flush; it can be continued."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def state(self) -> dict[str, NDArray[Any]]:
        """How many frames each element of the file has, after a flush."""
        lengths = {} if self._writer is None else self._writer.lengths()
        return {place: np.array(length) for place, length in lengths.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes on with the file after so many frames, when the simulation begins."""
        self._lengths = {place: int(length) for place, length in state.items()}


@register
class TrajectoryFile(OperationSpec):
    """A trajectory file beside that of the run, with frames at steps of its own."""

    kind: Literal["trajectory"] = "trajectory"
    file: str
    """Name of the file in the run directory; must end in .h5."""
    observables: AnyTrigger | None = None
    """When energies and other numbers are written; as often as frames if left out."""

    def build(self, simulation: SimulationLike) -> TrajectoryRecorder:
        """The recorder.

        Raises:
            InputError: if the name is none of a file in the directory.
        """
        if Path(self.file).name != self.file or not self.file.endswith(".h5"):
            raise InputError(f"'{self.file}' is not the name of a file that ends in .h5.", parameter="file")
        return TrajectoryRecorder(self.file, self.trigger, self.observables, in_directory=True)
