"""`run.json`: what a run is made of, how far it has come, and which files it has written. It marks a run directory."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from gasfield.errors import InputError, Note, dotted
from gasfield.files import write_json
from gasfield.hdf5.guard import UNREADABLE, open_checked
from gasfield.plugins import plugins_in_use
from gasfield.reading import read_object
from gasfield.scenario import Scenario
from gasfield.scenario.document import read_value
from gasfield.simulation import Simulation
from gasfield.trajectory import schema
from gasfield.version import ARITHMETIC, __version__

MANIFEST, SCENARIO = "run.json", "scenario.yaml"
PLAYED = "played.yaml"
"""The scenario of a session that was played, with its events so far; `SCENARIO` is what it began with."""
FORMAT, _KIND = 1, "gasfield run"


@dataclass(frozen=True)
class Manifest:
    """What `run.json` holds.

    Attributes:
        scenario_sha256: of the scenario, except for its number of steps; see `scenario_digest`.
        played: whether it is a session that was played, whose events are in `PLAYED`.
        plugins: the plug-ins in use, as text.
        files: path, size and digest of each data file, and the `id` of a trajectory that has one, by name.
        data: digests of the recorded data of forces, by their number.
        operations: names of the files that operations write.
        pictures: names of the pictures in `plots`.
        simulated: whether the trajectory is complete.
        seconds: wall time of the simulation.
        finished: whether all results are there.
        release: of gasfield.
        arithmetic: `gasfield.version.ARITHMETIC`.
    """

    scenario_sha256: str
    played: bool = False
    plugins: str = ""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    simulated: bool = False
    seconds: float = 0.0
    finished: bool = False
    release: str = __version__
    arithmetic: int = ARITHMETIC

    @classmethod
    def of(cls, simulation: Simulation, scenario: Scenario, text: str, *, played: bool = False) -> Self:
        """The manifest of a run that begins now.

        Args:
            simulation: built from the scenario.
            scenario: what is run.
            text: the scenario as it is written into the directory.
            played: whether its events are still to be played.
        """
        digests = ((str(number), force.data_digest()) for number, force in enumerate(simulation.forces))
        return cls(
            scenario_sha256=scenario_digest(text, played=played),
            played=played,
            plugins=plugins_in_use(scenario),
            files={name: found | _stored_id(found["path"]) for name, found in scenario.file_digests().items()},
            data={number: digest for number, digest in digests if digest is not None},
            operations=tuple(name for operation in scenario.operations for name in operation.files if _is_plain(name)),
        )

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """The manifest of a run directory; None if there is none of ours.

        Raises:
            InputError: if it was written by a newer release, or is damaged.
        """
        try:
            stored = read_object(directory / MANIFEST)
        except InputError:
            return None
        if stored.get("kind") != _KIND:
            return None
        if (format := stored.get("format")) != FORMAT:
            given = format if isinstance(format, int) else "another"
            message = f"has format {given}; this release reads {FORMAT}, so use a newer one."
            raise InputError(f"{directory / MANIFEST}: {message}")
        known = {each.name for each in fields(cls)}
        found = {key: value for key, value in stored.items() if key in known}
        try:
            read = TypeAdapter(cls).validate_python(found)
        except ValidationError as fault:
            place = fault.errors()[0]["loc"]
            raise InputError(f"{directory / MANIFEST}: is damaged at {dotted(place)}.") from None
        operations, pictures = (tuple(filter(_is_plain, names)) for names in (read.operations, read.pictures))
        return replace(read, operations=operations, pictures=pictures)

    def write(self, directory: Path, **changes: Any) -> Self:
        """Writes it, with changes; returns it.

        Raises:
            WriteError: if that is impossible.
        """
        changed = replace(self, **changes)
        write_json(directory / MANIFEST, {"kind": _KIND, "format": FORMAT, **asdict(changed)})
        return changed

    @property
    def scenario(self) -> str:
        """Name of the file with the scenario that was run."""
        return PLAYED if self.played else SCENARIO

    @property
    def identity(self) -> str:
        """SHA-256 of scenario and plug-ins, which a checkpoint belongs to."""
        return hashlib.sha256((self.scenario_sha256 + self.plugins).encode()).hexdigest()

    def require_arithmetic(self) -> None:
        """Checks that further steps have the bits that they would have had.

        Raises:
            InputError: if the run was begun with another arithmetic.
        """
        if self.arithmetic != ARITHMETIC:
            raise InputError(
                f"this run was begun by gasfield {self.release}, with arithmetic {self.arithmetic}; this release "
                f"({__version__}) has arithmetic {ARITHMETIC}, so the bits would differ. Finish the run with that "
                f"release, or start anew: `gasfield run` with its {SCENARIO}."
            )
        if self.release != __version__:
            note = f"this run was begun by gasfield {self.release}; this is {__version__}, with the same arithmetic"
            warnings.warn(Note(note), stacklevel=2)

    def require_same(self, now: Manifest) -> None:
        """Checks that a run goes on with what it began with.

        Args:
            now: what the run would have if it began now.

        Raises:
            InputError: if the scenario, a plug-in or data were changed.
        """
        if now.scenario_sha256 != self.scenario_sha256:
            raise InputError(f"this is another scenario; {SCENARIO} was changed since the run began.")
        if now.plugins != self.plugins:
            raise InputError(
                f"the run began with the plug-ins: {self.plugins or 'none'}; now there are: {now.plugins or 'none'}. "
                "Give the same files of plug-ins."
            )
        for name, stored in self.files.items():
            present = now.files.get(name, {})
            if any(present.get(key) != stored[key] for key in ("size", "sha256", "id") if key in stored):
                raise InputError(f"{present.get('path', name)}: was changed since the run began. {_REMEDY}")
        for number, digest in self.data.items():
            if now.data.get(number) != digest:
                raise InputError(f"the recorded data of forces.{number} were changed since the run began. {_REMEDY}")


_REMEDY = "Restore it, or start anew."


def scenario_digest(text: str, *, played: bool = False) -> str:
    """SHA-256 of the data of a scenario except for its number of steps, so that a run can be extended, and for the
    events of one that is played."""
    data = read_value(text)
    if isinstance(data, dict) and isinstance(data.get("run"), dict):
        changing = ("steps", "early") if played else ("steps",)
        data = data | {"run": {key: value for key, value in data["run"].items() if key not in changing}}
    if isinstance(data, dict) and played:
        data = {key: value for key, value in data.items() if key != "events"}
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def _stored_id(path: str) -> dict[str, str]:
    """The id of a trajectory; empty for other files."""
    try:
        with open_checked(Path(path), schema.PROVENANCE) as file:
            return {"id": str(file[schema.PROVENANCE].attrs["id"])}
    except (*UNREADABLE, InputError):
        return {}


def _is_plain(name: object) -> bool:
    """Whether it is the name of a file in a folder, and not a path to elsewhere."""
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name
