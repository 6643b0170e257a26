"""A trajectory file: frames and observables of a simulation, each at steps of its own."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.operations.base import Operation, OperationSpec, SimulationLike
from gasfield.operations.triggers import AnyTrigger, Trigger, any_of, trigger_of
from gasfield.registry import register
from gasfield.trajectory import TrajectoryWriter, schema
from gasfield.trajectory.again import cut_back, laid_out_for, lengths_before
from gasfield.trajectory.writer import identifier

_FREEDOM = "degrees_of_freedom"
_SECONDS = 1.0
"""Between two descriptions of events, which become longer with each of them; at a checkpoint and at the end it is
complete."""
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
        self._simulation: SimulationLike | None = None
        self._stale, self._described = False, 0.0
        self._freedom: Any = None
        self._lengths: dict[str, int] | None = None

    def begin(self, simulation: SimulationLike) -> None:
        """Creates the file, or continues the one that `restore` has named.

        Raises:
            InputError: if the file exists, or lacks frames to continue with.
        """
        self._simulation = simulation
        self._rows = simulation.everyone.count
        if self._in_directory:
            self.path = simulation.directory / self.path
        if self._lengths is not None:
            self._writer = TrajectoryWriter.go_on(self.path, self._lengths)
            self._freedom = self._writer.stated(_FREEDOM)
            if self._writer.rows != self._rows:  # particles were planted, or taken back, after the checkpoint
                self._lay_out(simulation, self._lengths)
            self._describe()  # a run that is extended has another number of steps
            return
        if self.path.exists():
            raise InputError(f"{self.path} exists already.", parameter="file")
        stated = simulation.provenance()
        self._freedom, self._stated = stated.get(_FREEDOM), _changing(stated)
        self._writer = TrajectoryWriter(self.path, _everyone(simulation), **_fixed(simulation), provenance=stated)

    def touched(self, simulation: SimulationLike) -> None:
        """Notes that the file is to say what has happened. Where particles have come for whom it has no rows, it is
        laid out anew with all its frames."""
        if self._writer is None:
            return
        if simulation.everyone.count != self._rows:
            self._lay_out(simulation, self._writer.lengths())
        self._stale = True

    def set_back(self, simulation: SimulationLike, *, waiting: bool) -> None:
        """Cuts the file back to the frames before the present step, or up to it, and to the rows that are left."""
        if self._writer is None:
            return
        step = simulation.gas.step + (0 if waiting else 1)
        if simulation.everyone.count == self._rows:
            self._writer = cut_back(self._writer, step)
        else:
            self._lay_out(simulation, lengths_before(self._writer, step))
        self._stale = True

    def _lay_out(self, simulation: SimulationLike, lengths: Mapping[str, int]) -> None:
        assert self._writer is not None
        stated, fixed = self._provenance(simulation), _fixed(simulation)
        self._writer = laid_out_for(self._writer, _everyone(simulation), lengths, **fixed, provenance=stated)
        self._rows, self._stated = simulation.everyone.count, _changing(stated)

    def _provenance(self, simulation: SimulationLike) -> dict[str, Any]:
        """What the file says of its origin: of the start, whoever is there now."""
        own = {} if self._freedom is None else {_FREEDOM: self._freedom}
        return {key: value for key, value in simulation.provenance().items() if key != _FREEDOM} | own

    def _describe(self) -> None:
        """Says in the file what is done to the gas, where that has changed."""
        assert self._writer is not None
        assert self._simulation is not None
        self._stale, self._described = False, clock.monotonic()
        stated = self._provenance(self._simulation)
        if (changing := _changing(stated)) != self._stated:
            own = {} if self._stated is None else {"id": identifier(stated)}  # other content than when it was begun
            self._writer.describe(schema.PROVENANCE, **changing, **own)
            self._stated = changing

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
        if self._stale and clock.monotonic() - self._described > _SECONDS:
            self._describe()
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
        if self._stale:
            self._describe()
        self._writer.flush()
        return self.path

    def close(self) -> None:
        """Finishes the file."""
        if self._writer is not None:
            if self._stale:
                self._describe()
            self._writer.close()
            self._writer = None

    def abandon(self) -> None:
        """Closes the file as it was after the last flush; it can be continued."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def state(self) -> dict[str, NDArray[Any]]:
        """How many frames each element of the file has, after a flush."""
        self.flush()
        lengths = {} if self._writer is None else self._writer.lengths()
        return {place: np.array(length) for place, length in lengths.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes on with the file after so many frames, when the simulation begins."""
        self._lengths = {place: int(length) for place, length in state.items()}


def _everyone(simulation: SimulationLike) -> Gas:
    """All particles as a file describes them, at the places that they have now."""
    everyone = simulation.everyone.at(simulation.in_rows(simulation.gas.unwrapped))
    everyone.velocities = None if simulation.gas.velocities is None else np.zeros(everyone.positions.shape)
    return everyone


def _fixed(simulation: SimulationLike) -> dict[str, Any]:
    """What a file says of a simulation, whatever is done to it."""
    return {"precision": simulation.law.lattice, "periods": simulation.space.periods}


def _changing(stated: Mapping[str, Any]) -> dict[str, Any]:
    """What changes with the events; None for what is not stated."""
    return {name: stated.get(name) for name in ("scenario", "scenario_sha256", schema.EVENTS)}


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
