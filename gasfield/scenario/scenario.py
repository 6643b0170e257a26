"""A scenario: what to simulate, with the question that it answers. YAML <-> typed, strict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gasfield.dynamics import AnyDynamics, DynamicsSpec
from gasfield.errors import InputError, Place
from gasfield.forces import AnyForce
from gasfield.operations import AnyOperation
from gasfield.provenance import FileDigest
from gasfield.renames import former_names
from gasfield.resources import find_scenario, require_file
from gasfield.scenario.anchors import anchor
from gasfield.scenario.diagnostic import AnyDiagnostic, repeated_label
from gasfield.scenario.document import Document
from gasfield.scenario.events import Event, require_ascending
from gasfield.scenario.initial_state import GroupSource
from gasfield.scenario.minimize import Minimize
from gasfield.scenario.recordings import recordings_of
from gasfield.scenario.replicas import Replicas, written_out
from gasfield.scenario.scan import Scan
from gasfield.scenario.yaml_1_2 import kinds_first, write
from gasfield.schedules import AnyTemperature, ByGroup
from gasfield.spaces import AnySpace
from gasfield.spec import Spec, fault_within
from gasfield.streams import Seed
from gasfield.strict import LARGEST_STEP
from gasfield.tracers import Tracer

ResultKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Steps = Annotated[int, Field(ge=1, le=LARGEST_STEP)]


class RunLength(Spec):
    """How long to run and what to keep."""

    steps: Steps
    """Of the dynamics, in all."""
    record_every: Steps = 1
    """Steps between frames."""
    observe_every: Steps | None = None
    """Steps between observations of energies and other numbers; those between frames if left out."""
    checkpoint_every: Steps | None = None
    """Steps between checkpoints; about every half minute if left out."""
    early: Literal[True] | None = None
    """Whether it may end before everything that is planned, as a session that was played may; then events and tracers
    after the last step are no error."""


class CompareWith(Spec):
    """A trajectory to lay beside the simulated one."""

    trajectory: Annotated[str, Field(alias="with")]
    """A trajectory file, recorded or simulated."""


FORMAT = 1
"""Of scenarios. Files without it may use the names of keys and kinds of before it, too."""


_LATER = ("try", "operations", "events")
"""Keys that a scenario without any of them does not write."""


class Scenario(Spec):
    """A run in full. Read it with `load_scenario`, or build it in Python with the same names."""

    format: Literal[1] = 1
    """Version of the vocabulary. Left out, former names of keys and kinds are accepted with a note."""
    title: str = ""
    """A name for people: of pages, pictures and lists."""
    question: str = ""
    """What the run answers."""
    suggestions: Annotated[tuple[str, ...], Field(alias="try", max_length=3)] = ()
    """What to try in `gasfield play`, and what one sees: one sentence or two each."""
    headline: tuple[ResultKey, ...] | None = None
    """Results that answer the question, by their keys in the summary (`temperature.kinetic`; `temperature` for all that
    begin with it). They are printed and drawn first; those that diagnostics name themselves if left out."""
    seed: Seed = 0
    """Of all random numbers."""
    space: AnySpace
    gas: tuple[GroupSource, ...]
    """Groups of particles, and where each comes from; `[]` where there are tracers only."""
    tracers: tuple[Tracer, ...] = ()
    """Structures of test particles that the flow deforms."""
    forces: tuple[AnyForce, ...] = ()
    """What acts on the particles; forces add up."""
    dynamics: AnyDynamics
    temperature: AnyTemperature | None = None
    """Of the bath [energy], for dynamics with a heat bath: a number, a schedule, or one for each group."""
    replicas: Replicas | None = None
    """Copies of the gas at several temperatures, instead of `temperature`. It is shorthand: a scenario that was read
    has groups, temperatures and an operation in its place."""
    minimize: Minimize | None = None
    """A relaxation before the run."""
    run: RunLength
    """How long, and what is kept."""
    diagnostics: tuple[AnyDiagnostic, ...] | None = None
    """Diagnostics, by name or with parameters; all that apply if left out."""
    operations: tuple[AnyOperation, ...] = ()
    """What happens along the way besides the frames and observables of the run."""
    events: tuple[Event, ...] = ()
    """What is done to the gas at given steps, in their order: see docs/events.md."""
    compare: CompareWith | None = None
    """What the simulation is laid beside."""
    scan: Scan | None = None
    """What `gasfield sweep` varies; a run of its own takes no notice of it."""

    @model_validator(mode="wrap")
    @classmethod
    def _vocabulary(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Former names are accepted only where no format is declared; shorthand is written out."""
        declared = data.get("format") if isinstance(data, Mapping) else None
        if isinstance(declared, int) and not isinstance(declared, bool) and declared > FORMAT:
            text = f"is {declared}; this version of gasfield reads formats up to {FORMAT}: use a newer one"
            raise fault_within(("format",), text, declared)
        if declared is None:
            return handler(_written_out(data))
        with former_names("refuse"):
            return handler(_written_out(data))

    @model_validator(mode="after")
    def _every_name_is_its_own(self) -> Self:
        places: list[Place] = [("gas", number, "name") for number in range(len(self.gas))]
        places += [("tracers", number, "name") for number in range(len(self.tracers))]
        places += [("events", n, "plant", "name") for n, event in enumerate(self.events) if event.plant is not None]
        taken = set[str]()
        for place, name in zip(places, self.names, strict=True):
            if name in taken:
                text = f"the name '{name}' is given twice; groups and tracers need names of their own"
                raise fault_within(place, text, name)
            taken.add(name)
        return self

    @model_validator(mode="after")
    def _there_is_something(self) -> Self:
        if not self.names:
            raise fault_within(("gas",), "is empty, and there are no tracers: nothing would move", [])
        return self

    @model_validator(mode="after")
    def _every_group_has_a_temperature(self) -> Self:
        names = self.names[: len(self.gas) + len(self.tracers)]
        if isinstance(self.temperature, ByGroup) and set(self.temperature.groups) != set(names):
            text = (
                f"names {', '.join(self.temperature.groups) or 'no group'}; every group needs one: {', '.join(names)}"
            )
            raise fault_within(("temperature", "groups"), text, self.temperature.groups)
        return self

    @model_validator(mode="after")
    def _events_in_their_order(self) -> Self:
        require_ascending(self.events)
        return self

    @model_validator(mode="after")
    def _every_group_is_there(self) -> Self:
        in_gas = [group.name for group in self.gas]
        named: list[tuple[Place, str, list[str]]] = []
        for number, force in enumerate(self.forces):
            named += [(("forces", number, "groups"), name, self.names) for name in force.named_groups]
        for number, tracer in enumerate(self.tracers):
            named += [(("tracers", number, *key), name, in_gas) for key, name in tracer.named_groups]
        for place, name, known in named:
            if name not in known:
                raise fault_within(place, f"there is no group '{name}'; there are {', '.join(known)}", name)
        return self

    _document: Document | None = PrivateAttr(default=None)
    _name: str = PrivateAttr(default="scenario")
    _law: DynamicsSpec | None = PrivateAttr(default=None)
    _files: dict[str, Path] = PrivateAttr(default_factory=dict)
    _digests: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)

    @field_validator("diagnostics")
    @classmethod
    def _each_has_its_own_name(cls, given: tuple[AnyDiagnostic, ...] | None) -> tuple[AnyDiagnostic, ...] | None:
        if (fault := repeated_label(given or ())) is not None:
            raise PydanticCustomError("repeated_label", "{fault}", {"fault": fault})
        return given

    @property
    def name(self) -> str:
        """File name without its ending; that of `named`, or "scenario", if it was built in Python."""
        return self._document.path.stem if self._document else self._name

    def named(self, name: str) -> Self:
        """The same scenario, built in Python, with a name: that of its folder in outputs/."""
        self._name = name
        return self

    @property
    def names(self) -> list[str]:
        """The groups of particles: those of the gas, then the tracers, then what events plant."""
        planted = [event.plant.name for event in self.events if event.plant is not None]
        return [*(group.name for group in self.gas), *(tracer.name for tracer in self.tracers), *planted]

    def yaml(self, *, ascii_only: bool = False) -> str:
        """The scenario as resolved: defaults filled in, overrides applied. Reading it again gives the same scenario.

        Args:
            ascii_only: whether all other characters are written as escapes.
        """
        if ascii_only:
            return write(kinds_first(self._data()), ascii_only=True)
        data = kinds_first(self.model_copy(update={"events": ()})._data(keep=("events",)))
        events = {"events": "".join(["events:\n", *(event.item for event in self.events)]) if self.events else ""}
        return "".join(events[key] if key in events else write({key: value}) for key, value in data.items())

    def _data(self, keep: Collection[str] = ()) -> dict[str, Any]:
        """It as data; empty lists that the files of versions before did not have are left out."""
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {key: value for key, value in data.items() if value or key in keep or key not in _LATER}

    def digest(self) -> str:
        """SHA-256 of the resolved scenario."""
        return hashlib.sha256(self.yaml().encode()).hexdigest()

    def text_digest(self) -> str:
        """SHA-256 of the text that it was read from; the same as `digest` for one that was written as resolved."""
        return self.digest() if self._document is None else hashlib.sha256(self._document.text.encode()).hexdigest()

    @property
    def law(self) -> DynamicsSpec:
        """The dynamics, with what they take from recordings.

        Raises:
            InputError: if a recording is missing, or does not hold it.
        """
        if self._law is None:
            with self.faults_at("dynamics"):
                self._law = self.dynamics.resolved(recordings_of(self.forces, self.gas), self.find)
        return self._law

    def find(self, name: str) -> Path:
        """A data file that the scenario names; once found, it stays the same.

        Raises:
            InputError: if it is nowhere; the message points at the line that names it.
        """
        if name not in self._files:
            beside = self._document.path.parent if self._document else None
            try:
                self._files[name] = require_file(name, beside=beside)
            except InputError as error:
                raise self.fault(name, error.message) from None
        return self._files[name]

    @property
    def files(self) -> dict[str, Path]:
        """The data files found so far: name in the scenario -> absolute path."""
        return {name: path.absolute() for name, path in self._files.items()}

    def provenance(self) -> dict[str, str]:
        """What a trajectory keeps of the data files found so far: path, size and digest of each, as JSON by name."""
        return {"files": json.dumps(self.file_digests())} if self._files else {}

    def file_digests(self) -> dict[str, dict[str, Any]]:
        """Path, size and digest of each data file found so far, by its name; each is read once."""
        for name, path in self.files.items():
            if name not in self._digests:
                self._digests[name] = {"path": str(path), **FileDigest.of(path).as_json()}
        return dict(self._digests)

    def fault(self, value: Any, message: str) -> InputError:
        """An error that points at the line which holds a value, where the scenario came from a file."""
        if self._document is None:
            return InputError(message)
        return self._document.fault(self._document.find(value), message)

    @contextmanager
    def faults_at(self, *place: str | int) -> Iterator[None]:
        """Errors of the user's input that are raised inside point at a place of the scenario."""
        try:
            yield
        except InputError as error:
            raise self.fault_at(place, error) from None

    def fault_at(self, place: Place, error: InputError) -> InputError:
        """The same error, pointing at a place of the scenario, unless it points somewhere already."""
        return error.at(place) if self._document is None else self._document.locate(error, place)


def _written_out(data: Any) -> Any:
    """The data of a scenario without shorthand."""
    return written_out(data) if isinstance(data, Mapping) and data.get("replicas") is not None else data


def load_scenario(name: str | Path, overrides: Sequence[str] = (), files: Mapping[str, Path] | None = None) -> Scenario:
    """Reads a scenario by path or by name.

    Args:
        name: a YAML file, or the name of a scenario in ./scenarios or in the package.
        overrides: `a.b.0.c=value`, as after `--set`.
        files: where data files are that the scenario names; the others are looked for.

    Raises:
        InputError: one line a fault: file, line, key, what is allowed.
    """
    document = Document(find_scenario(str(name)), overrides, anchor)
    if not isinstance(document.data, dict):
        raise document.fault((), "a scenario is a mapping of keys (title, question, space, gas, ...).")
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        raise document.explain(error) from None
    scenario._document = document
    scenario._files.update(files or {})
    return scenario
