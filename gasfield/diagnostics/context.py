"""What is known of the simulation behind a trajectory: its model, or why it is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

from gasfield.dynamics import DynamicsSpec
from gasfield.errors import InputError
from gasfield.forces import ForceSpec, Surroundings, TotalForce, build_alone, build_force
from gasfield.operations import OperationSpec
from gasfield.provenance import FileDigest
from gasfield.reading import object_of
from gasfield.resources import find_file
from gasfield.scenario import Scenario
from gasfield.scenario.acting import Acting
from gasfield.scenario.recordings import recordings_of
from gasfield.scenario.stored import stored_scenario
from gasfield.schedules import ByGroup, Schedule
from gasfield.spaces import Space
from gasfield.strict import LARGEST_STEP
from gasfield.tracing import Trace
from gasfield.tracing.layout import SOURCE as TRACED
from gasfield.trajectory import Trajectory

WHOLE = "gas"
"""The name of the results of the gas as a whole. A group may have it too: it decides nothing."""
_NEVER_RAN = (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What a force may raise that belongs to no gas: a file may hold a scenario that never ran."""
_OF_OTHERS = ("import", "H5MD")
RECORDED = "it is not a simulation: space, forces and bath are not known"


class NotApplicable(Exception):  # noqa: N818 (a property of the data)
    """A diagnostic does not apply; the message gives the reason."""


@dataclass(frozen=True)
class RunContext:
    """The model of a run, as diagnostics need it.

    Attributes:
        space: of the gas.
        laws: the specifications of the forces.
        dynamics: the specification of the dynamics.
        temperature: of the bath; None where there is none.
        groups: names of all groups and tracers.
        find: a data file that the forces name -> its path; raises InputError.
        degrees_of_freedom: of the whole gas, as counted by the dynamics; None where they have no velocities, or where
            others come later.
        operations: what happened along the way, as far as it is written down.
        passive: names of the structures that exert no force.
        since: the step from which all of this holds: that of the last event that has changed how the gas moves.
    """

    space: Space
    laws: tuple[ForceSpec, ...]
    dynamics: DynamicsSpec
    temperature: Schedule | ByGroup | None = None
    groups: tuple[str, ...] = ()
    find: Callable[[str], Path] = Path
    degrees_of_freedom: int | None = None
    operations: tuple[OperationSpec, ...] = ()
    passive: tuple[str, ...] = ()
    since: int = 0
    _built: dict[tuple[str, str | None], Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        degrees_of_freedom: int | None,
        find: Callable[[str], Path] | None = None,
        last: int = LARGEST_STEP,
    ) -> Self:
        """The model of a scenario, after its events; data files are found by the scenario itself if no `find` is given.

        Args:
            scenario: of the run.
            degrees_of_freedom: of the whole gas at the start.
            find: see above.
            last: the last step that is looked at; later events have not happened.

        Raises:
            InputError: if the dynamics are those of a recording that is missing, or was changed.
        """
        done = [event for event in scenario.events if event.at <= last]
        steering = [event for event in done if event.steers]
        acting = Acting(scenario.forces, scenario.temperature)
        for event in scenario.events:  # every group has a temperature, whether it is there or not
            acting = acting if event.plant is None else acting.with_bath_of(event.plant, event.at)
        for event in done:
            acting = acting.after(event)
        planted = [event.plant for event in scenario.events if event.plant is not None]
        later = any(tracer.plant_at for tracer in scenario.tracers)
        others = later or any(event.numbers is None and event.kick is None and event.move is None for event in steering)
        since = steering[-1].at if steering else 0
        return cls(
            space=scenario.space,
            laws=tuple(_settled(force, since) for _, force in acting.numbered if isinstance(force, ForceSpec)),
            dynamics=scenario.dynamics.resolved(recordings_of(scenario.forces, scenario.gas), find or scenario.find),
            temperature=acting.temperature,
            groups=tuple(scenario.names),
            find=find or scenario.find,
            degrees_of_freedom=None if others else degrees_of_freedom,
            operations=scenario.operations,
            passive=tuple(tracer.name for tracer in (*scenario.tracers, *planted) if not tracer.active),
            since=since,
        )

    def acting(self, group: str) -> tuple[ForceSpec, ...]:
        """The specifications of the forces that act on a group."""
        return tuple(law for law in self.laws if law.acts_on(group))

    def forces(self, group: str | None) -> TotalForce:
        """The forces that act on a group; all forces, for the gas as a whole, if it is None.

        Raises:
            NotApplicable: if a data file that they need is missing, or differs from that of the run, or the numbers of
                a force were trained.
        """
        return self._once("forces", group, self._build_forces)  # type: ignore[no-any-return]

    def fields(self, group: str) -> tuple[tuple[ForceSpec, ...], TotalForce]:
        """The fields that act on a group, as specifications and as built: no forces between particles, none that
        rotate velocities, and none that were recorded.

        Raises:
            NotApplicable: as `forces`.
        """
        return self._once("fields", group, self._build_fields)  # type: ignore[no-any-return]

    def _build_forces(self, group: str | None, around: Surroundings) -> TotalForce:
        self._require_known(self.laws if group is None else self.acting(group))
        if group is None:
            return TotalForce([build_force(law, around) for law in self.laws], around.dimensions)
        return TotalForce([build_alone(law, around) for law in self.acting(group)], around.dimensions)

    def _build_fields(self, group: str, around: Surroundings) -> tuple[tuple[ForceSpec, ...], TotalForce]:
        self._require_known(self.acting(group))
        built = [(law, build_alone(law, around)) for law in self.acting(group) if not law.recorded]
        kept = [(law, force) for law, force in built if not force.interacting and not force.rotates_velocities]
        return tuple(law for law, _ in kept), TotalForce([force for _, force in kept], around.dimensions)

    def _require_known(self, laws: Sequence[ForceSpec]) -> None:
        """Refuses fields whose specification gives the numbers at the start only."""
        trained = next((law.kind for law in laws if law.trained is not None), None)
        if trained is not None:
            raise NotApplicable(f"the field '{trained}' was trained, so that its forces are not those of the start")

    def _once(self, what: str, group: str | None, build: Callable[[Any, Surroundings], Any]) -> Any:
        if (what, group) not in self._built:
            try:
                self._built[what, group] = build(group, Surroundings(self.space, self.find))
            except (InputError, *_NEVER_RAN) as error:
                self._built[what, group] = NotApplicable(f"its forces cannot be rebuilt: {error}")
        found = self._built[what, group]
        if isinstance(found, NotApplicable):
            raise found
        return found


def _settled(law: ForceSpec, since: int) -> ForceSpec:
    """A force in plain numbers, if none of them changes any more after an event."""
    changes = any(schedule.settled > since for schedule in law.schedules)
    return law if changes or not since else law.at(since)


@dataclass(frozen=True)
class Origin:
    """Where a trajectory comes from.

    Attributes:
        context: the model of the run; None for a recording, and for a run that cannot be rebuilt.
        reason: why there is no context.
        imported: whether the file comes from another program, which does not say what is a structure.
        trace: the trace of a transformer that the file is, with its layers as time; None if it is none.
        labels: the text of every row that has one (tokens).
    """

    context: RunContext | None = None
    reason: str = RECORDED
    imported: bool = False
    trace: Trace | None = None
    labels: tuple[str, ...] = ()

    @property
    def layered(self) -> bool:
        """Whether time is the depth of a transformer: recorded, or simulated from its weights."""
        return self.trace is not None or (self.context is not None and self.context.dynamics.layered)

    def label(self, row: int) -> str:
        """The text of a row of the trajectory; empty where there is none."""
        return self.labels[row] if row < len(self.labels) else ""

    @classmethod
    def of(cls, trajectory: Trajectory) -> Origin:
        """The origin according to the provenance of a trajectory. A scenario of other dimensions is not its origin.

        It is read once for each open trajectory, however many groups ask for it.
        """
        if trajectory not in _ORIGINS:
            _ORIGINS[trajectory] = cls._read(trajectory)
        return _ORIGINS[trajectory]

    @classmethod
    def _read(cls, trajectory: Trajectory) -> Self:
        attributes, labels = trajectory.attributes, tuple(trajectory.tokens)
        if attributes.get("source") == TRACED:
            try:
                return cls(trace=Trace.of(trajectory), labels=labels)
            except InputError as error:
                return cls(reason=f"it is no readable trace: {error.message}")
        if attributes.get("source") != "simulation":
            return cls(imported=attributes.get("source") in _OF_OTHERS)
        if "scenario" not in attributes:
            return cls(reason="it was built in Python, from forces that have no specification")
        try:
            scenario = stored_scenario(attributes["scenario"])
        except InputError as error:
            faults = "; ".join(str(fault).rstrip(".") for fault in error.faults)
            return cls(reason=f"its scenario cannot be rebuilt: {faults}{_plugins(attributes)}")
        if scenario.space.dimensions != trajectory.dimensions:
            return cls(
                reason=f"its scenario cannot be that of the file: space.dimensions is {scenario.space.dimensions}, and "
                f"positions have {trajectory.dimensions}"
            )
        freedom = attributes.get("degrees_of_freedom")
        find = _Files(trajectory.path, attributes)
        try:
            known, last = None if freedom is None else int(freedom), int(trajectory.steps[-1])
            return cls(RunContext.of(scenario, known, find, last), labels=labels)
        except InputError as error:
            return cls(reason=f"its law of motion cannot be rebuilt: {error.message}")


_ORIGINS: WeakKeyDictionary[Trajectory, Origin] = WeakKeyDictionary()


def _plugins(attributes: Mapping[str, Any]) -> str:
    """A hint at the plug-ins that the run used."""
    used = ", ".join(entry.split()[0] for entry in str(attributes.get("plugins", "")).split(", ") if entry)
    return f" (the run used the plug-ins {used}: run them first, in Python by gasfield.run_plugin)" if used else ""


class _Files:
    """Finds the data files of a finished run: at their old path, beside its trajectory, or in a search folder; only
    unchanged ones."""

    def __init__(self, trajectory: Path, attributes: Mapping[str, Any]) -> None:
        self._beside = trajectory.parent
        self._stored = {name: entry for name, entry in object_of(attributes.get("files")).items() if _is_digest(entry)}

    def __call__(self, name: str) -> Path:
        """The path of a data file.

        Raises:
            InputError: if it is missing, or was changed since the run.
        """
        stored = self._stored.get(name)
        places = [Path(stored["path"])] if stored else []
        found = find_file(name, beside=self._beside)
        places = [place for place in [*places, *([found] if found else [])] if place.is_file() or place.is_dir()]
        was = f" (it was {stored['path']})" if stored else ""
        if not places:
            raise InputError(f"the data file '{name}' is missing{was}")
        if stored is None:  # written before digests were kept
            return places[0]
        digest = FileDigest(stored["size"], stored["sha256"])
        same: Sequence[Path] = [place for place in places if FileDigest.of(place) == digest]
        if not same:
            raise InputError(f"the data file '{name}' was changed since the run ({places[0]})")
        return same[0]


def _is_digest(entry: object) -> bool:
    """Whether it says of a data file what a run writes of it."""
    kinds = {"path": str, "size": int, "sha256": str}
    return isinstance(entry, dict) and all(isinstance(entry.get(key), kind) for key, kind in kinds.items())
