"""A scenario: what to simulate, with the question that it answers. YAML <-> typed, strict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, PrivateAttr, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from gasfield.dynamics import DynamicsSpec
from gasfield.errors import InputError
from gasfield.forces import ForceSpec
from gasfield.provenance import FileDigest
from gasfield.resources import find_file, find_scenario, shelves
from gasfield.scenario.diagnostic import DiagnosticSpec, repeated_label
from gasfield.scenario.document import Document
from gasfield.scenario.initial_state import GroupSource
from gasfield.schedules import TemperatureSpec
from gasfield.spaces import SpaceSpec
from gasfield.spec import Spec
from gasfield.tracers import Tracer


class RunLength(Spec):
    """How long to run and what to keep."""

    steps: Annotated[int, Field(ge=1)]
    record_every: Annotated[int, Field(ge=1)] = 1
    """Steps between frames."""
    observe_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between observations of energies and other numbers; those between frames if left out."""
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between checkpoints; about every half minute if left out."""


class CompareWith(Spec):
    """A trajectory to lay beside the simulated one."""

    trajectory: Annotated[str, Field(alias="with")]


class Scenario(Spec):
    """A run in full. Read it with `load_scenario`, or build it in Python with the same names."""

    title: str
    question: str
    """What the run answers."""
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    space: SpaceSpec
    gas: Annotated[tuple[GroupSource, ...], Field(min_length=1)]
    tracers: tuple[Tracer, ...] = ()
    forces: tuple[ForceSpec, ...] = ()
    dynamics: DynamicsSpec
    temperature: TemperatureSpec | None = None
    """Of the bath [energy], for laws of motion that have one: a number, a schedule, or one for each group."""
    run: RunLength
    diagnostics: tuple[DiagnosticSpec, ...] | None = None
    """Diagnostics, by name or with parameters; all that apply if left out."""
    compare: CompareWith | None = None

    _document: Document | None = PrivateAttr(default=None)
    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @field_validator("diagnostics")
    @classmethod
    def _each_has_its_own_name(cls, given: tuple[DiagnosticSpec, ...] | None) -> tuple[DiagnosticSpec, ...] | None:
        if (fault := repeated_label(given or ())) is not None:
            raise PydanticCustomError("repeated_label", "{fault}", {"fault": fault})
        return given

    @property
    def name(self) -> str:
        """File name without its ending; "scenario" if it was built in Python."""
        return self._document.path.stem if self._document else "scenario"

    def yaml(self) -> str:
        """The scenario as resolved: defaults filled in, overrides applied. Reading it again gives the same scenario."""
        data = _kinds_first(self.model_dump(mode="json", by_alias=True, exclude_none=True))
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)

    def digest(self) -> str:
        """SHA-256 of the resolved scenario."""
        return hashlib.sha256(self.yaml().encode()).hexdigest()

    def find(self, name: str) -> Path:
        """A data file that the scenario names; once found, it stays the same.

        Raises:
            InputError: if it is nowhere; the message points at the line that names it.
        """
        beside = self._document.path.parent if self._document else None
        path = self._files.get(name) or find_file(name, beside=beside)
        if path is None:
            places = ", ".join(str(place) for place in ["beside the scenario", "in the working directory", *shelves()])
            raise self.fault(name, f"there is no file '{name}' ({places}).")
        self._files[name] = path
        return path

    @property
    def files(self) -> dict[str, Path]:
        """The data files found so far: name in the scenario -> absolute path."""
        return {name: path.absolute() for name, path in self._files.items()}

    def provenance(self) -> dict[str, str]:
        """What a trajectory keeps of the data files found so far: path, size and digest of each, as JSON by name."""
        if not self._files:
            return {}
        found = {name: {"path": str(path), **FileDigest.of(path).as_json()} for name, path in self.files.items()}
        return {"files": json.dumps(found)}

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

    def fault_at(self, place: tuple[str | int, ...], error: InputError) -> InputError:
        """The same error, pointing at a place of the scenario, unless it points into the file already."""
        if self._document is None or str(self._document.path) + ":" in str(error):
            return error
        return self._document.fault(place, str(error))


def _kinds_first(data: Any) -> Any:
    """What a mapping is, before what it has."""
    if isinstance(data, dict):
        kind = {"kind": data["kind"]} if "kind" in data else {}
        return kind | {key: _kinds_first(value) for key, value in data.items() if key != "kind"}
    return [_kinds_first(item) for item in data] if isinstance(data, list) else data


def load_scenario(name: str | Path, overrides: Sequence[str] = (), files: Mapping[str, Path] | None = None) -> Scenario:
    """Reads a scenario by path or by name.

    Args:
        name: a YAML file, or the name of a scenario in ./scenarios or in the package.
        overrides: `a.b.0.c=value`, as after `--set`.
        files: where data files are that the scenario names; the others are looked for.

    Raises:
        InputError: one line a fault: file, line, key, what is allowed.
    """
    document = Document(find_scenario(str(name)), overrides)
    if not isinstance(document.data, dict):
        raise document.fault((), "a scenario is a mapping of keys (title, question, space, gas, ...).")
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        raise document.explain(error) from None
    scenario._document = document
    scenario._files.update(files or {})
    names = [g.name for g in scenario.gas] + [t.name for t in scenario.tracers]
    for index, group in enumerate(names):
        if group in names[:index]:
            raise scenario.fault(
                group, f"the name '{group}' is given twice; groups and tracers need names of their own."
            )
    return scenario
