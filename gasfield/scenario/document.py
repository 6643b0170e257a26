"""A YAML file as data that remembers the line of every key, so that a fault can be pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gasfield.errors import InputError, Place, dotted, index_of
from gasfield.faults import child, explain
from gasfield.printable import printable
from gasfield.scenario.yaml_1_2 import YamlFault, read

MOST_BYTES = 4_000_000
"""Of a file: what is read in about ten seconds."""


def read_value(text: str) -> Any:
    """The data that a piece of YAML stands for, as in a scenario.

    Raises:
        InputError: if it is not YAML.
    """
    try:
        return read(text)[0]
    except YamlFault as fault:
        place = f"{dotted(fault.place)}: " if fault.place else ""
        raise InputError(f"{place}{fault.message}.") from None


SET = "--set "
"""How the place of an override begins."""


def get_at(data: Any, path: str, absent: Any = None) -> Any:
    """The value at a path "a.b.0" of data; `absent` if there is none."""
    for part in path.split("."):
        key = index_of(part)
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return absent
    return data


class Document:
    """The data of a YAML file and the origin of its keys.

    Attributes:
        path: the file.
        text: what it holds.
        data: mappings, lists and scalars.
    """

    def __init__(
        self,
        path: Path,
        overrides: Sequence[str] = (),
        describe: Callable[[Place, Any], str | None] = lambda place, data: None,
    ) -> None:
        """Reads a file and applies overrides `a.b.0.c=value`.

        Args:
            path: the file.
            overrides: as above.
            describe: where the documentation describes a place of the data.

        Raises:
            InputError: if it is unreadable, no YAML, has a key twice, or an override does not fit.
        """
        self.path, self.describe = path, describe
        self._require_size()
        try:
            self.text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as fault:
            line = fault.object.count(b"\n", 0, fault.start) + 1
            raise InputError("not text in UTF-8.", location=f"{path}:{line}") from None
        except OSError as fault:
            raise InputError(f"cannot be read: {fault.strerror}.", location=str(path)) from None
        self._origins: dict[Place, str] = {(): f"{path}:1"}
        self.data = self._parse()
        for override in overrides:
            self._override(override)

    def origin(self, place: Place) -> str:
        """`file:line`, or the `--set` that put it there; of the nearest place that is known."""
        while place not in self._origins:
            place = place[:-1]
        return self._origins[place]

    def find(self, value: Any) -> Place:
        """The first place that holds a scalar value, else the root."""
        return next((place for place in self._origins if place and self._get(place) == value), ())

    def fault(self, place: Place, message: str) -> InputError:
        """An error that points at a place."""
        return self.locate(InputError(message, parameter=dotted(place) or None))

    def locate(self, error: InputError, place: Place = ()) -> InputError:
        """The same error with its location in this document, and where its keys are described; `place` is where its
        parameter belongs."""
        located = error.at(place, self.origin)
        for fault in located.faults:
            if fault.reference is None and fault.parameter is not None:
                fault.reference = self.describe(tuple(map(index_of, fault.parameter.split("."))), self.data)
        return located

    def explain(self, error: ValidationError) -> InputError:
        """A validation error of the data, each fault with its location, and where its keys are described."""
        located = self.locate(explain(error, self.data))
        for fault in located.faults:
            fault.reference = fault.reference or self.describe((), self.data)
        return located

    def _require_size(self) -> None:
        try:
            size = self.path.stat().st_size
        except OSError:
            return  # reading it will tell
        if size > MOST_BYTES:
            message = f"it has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:g} MB of YAML are read."
            raise InputError(message, location=str(self.path))

    def _parse(self) -> Any:
        try:
            data, lines = read(self.text)
        except YamlFault as fault:
            location = f"{self.path}:{fault.line}"
            raise InputError(f"{fault.message}.", location=location, parameter=dotted(fault.place) or None) from None
        if data is None:
            raise InputError("the file is empty.", location=f"{self.path}:1")
        self._origins.update((place, f"{self.path}:{line}") for place, line in lines.items())
        return data

    def _override(self, override: str) -> None:
        def refused(message: str) -> InputError:
            return InputError(message, parameter="overrides", value=printable(override[:200]))

        path, equals, text = override.partition("=")
        keys = path.split(".")
        if not equals or not all(keys):
            raise refused("write it as a.b=value, for example dynamics.learning_rate=3e-4.")
        place: Place = tuple(map(index_of, keys))
        holder, key = self._get(place[:-1]), place[-1]
        if isinstance(holder, list) and not (isinstance(key, int) and key < len(holder)):
            raise refused(f"{dotted(place[:-1])} is a list of {len(holder)}; count from 0.")
        if not isinstance(holder, dict | list):
            raise refused(f"there is no {printable(dotted(place[:-1]))} in {self.path}.")
        try:
            holder[key if isinstance(holder, list) else str(key)] = read_value(text)  # type: ignore[index]
        except InputError as error:
            raise refused(error.message) from None
        self._origins = {known: line for known, line in self._origins.items() if known[: len(place)] != place}
        self._origins[place] = f"{SET}{printable(override)}"

    def _get(self, place: Place) -> Any:
        data = self.data
        for part in place:
            data = child(data, part)
        return data
