"""A YAML file as data that remembers the line of every key, so that a fault can be pointed at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gasfield.errors import InputError

Place = tuple[str | int, ...]
"""Keys and list indices from the root of a document."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers: `1e-3` is one (PyYAML follows 1.1, where it is a string). No aliases: a few lines of them can
    stand for more data than any memory holds, or for a list that holds itself."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As in PyYAML, but for aliases."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read here; write it out", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_value(text: str, location: str) -> Any:
    """The data that a piece of YAML stands for, as in a scenario.

    Args:
        text: the YAML.
        location: where it was given.

    Raises:
        InputError: if it is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError("the value is not YAML.", location=location) from None


class Document:
    """The data of a YAML file and the origin of its keys.

    Attributes:
        path: the file.
        text: what it holds.
        data: mappings, lists and scalars.
    """

    def __init__(self, path: Path, overrides: Sequence[str] = ()) -> None:
        """Reads a file and applies overrides `a.b.0.c=value`.

        Raises:
            InputError: if it is unreadable, no YAML, has a key twice, or an override does not fit.
        """
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise InputError(f"{path}: cannot be read ({fault}).") from None
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
        key = ".".join(map(str, place))
        return InputError(f"{self.origin(place)}: {key + ': ' if key else ''}{message}")

    def explain(self, error: ValidationError) -> InputError:
        """Turns a validation error into one message a fault."""
        faults = [dict(fault) for fault in error.errors(include_url=False)]
        return InputError("\n".join(str(self._explain(fault)) for fault in _without_consequences(faults)))

    def _explain(self, fault: dict[str, Any]) -> InputError:
        place = self._strip_tags(fault["loc"])
        kind, given = fault["type"], fault["input"]
        if kind == "unknown_key":
            return self.fault((*place, fault["ctx"]["key"]), fault["ctx"]["text"])
        if kind == "missing":
            return self.fault(place[:-1], f"the key '{place[-1]}' is missing.")
        if kind == "union_tag_not_found":
            return self.fault(place, "the key 'kind' is missing.")
        if kind == "union_tag_invalid":
            tag, known = fault["ctx"]["tag"], fault["ctx"]["expected_tags"]
            return self.fault(
                (*place, "kind"), f"there is no kind '{tag}' here; there are {known}.{fault['ctx'].get('hint', '')}"
            )
        if isinstance(given, dict) and not kind.endswith("_type"):  # the mapping is right; what it says is not
            return self.fault(place, f"{fault['msg']}.")
        plain = isinstance(given, str | int | float | bool) or given is None
        shown = repr(given) if plain else f"a {_yaml_word(given)}"
        return self.fault(place, f"{fault['msg'].replace('Input should be', 'should be')}, not {shown}.")

    def _strip_tags(self, location: Sequence[str | int]) -> Place:
        """Pydantic names the `kind` of a union in a location; the file does not have it there."""
        place: list[str | int] = []
        data: Any = self.data
        for part in location:
            if isinstance(data, dict) and part not in data and data.get("kind") == part:
                continue
            place.append(part)
            data = _child(data, part)
        return tuple(place)

    def _parse(self) -> Any:
        try:
            loader = _Loader(self.text)
            node = loader.get_single_node()
            if node is None:
                raise InputError(f"{self.path}:1: the file is empty.")
            self._note(node, ())
            return loader.construct_document(node)
        except yaml.MarkedYAMLError as fault:
            line = fault.problem_mark.line + 1 if fault.problem_mark else 1
            raise InputError(f"{self.path}:{line}: not YAML: {fault.problem}.") from None
        except (yaml.YAMLError, ValueError) as fault:
            raise InputError(f"{self.path}: not YAML: {fault}.") from None
        except RecursionError:
            raise InputError(f"{self.path}: not YAML: nested too deeply.") from None

    def _note(self, node: yaml.Node, place: Place) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise InputError(
                        f"{self.path}:{key.start_mark.line + 1}: a key must be a word, not a list or mapping."
                    )
                inner = (*place, key.value)
                if inner in self._origins:
                    name = ".".join(map(str, inner))
                    raise InputError(f"{self.path}:{key.start_mark.line + 1}: {name}: this key stands here twice.")
                self._origins[inner] = f"{self.path}:{key.start_mark.line + 1}"
                self._note(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._origins[(*place, index)] = f"{self.path}:{value.start_mark.line + 1}"
                self._note(value, (*place, index))

    def _override(self, override: str) -> None:
        path, equals, text = override.partition("=")
        if not equals or not path:
            raise InputError(f"--set {override}: write it as a.b=value, for example --set dynamics.learning_rate=3e-4.")
        place: Place = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        holder = self._get(place[:-1])
        key = place[-1]
        if isinstance(holder, list) and not (isinstance(key, int) and key < len(holder)):
            raise InputError(
                f"--set {override}: {'.'.join(map(str, place[:-1]))} is a list of {len(holder)}; count from 0."
            )
        if not isinstance(holder, dict | list):
            raise InputError(f"--set {override}: there is no {'.'.join(map(str, place[:-1]))} in {self.path}.")
        holder[key] = read_value(text, f"--set {override}")  # type: ignore[index]
        self._origins[place] = f"--set {override}"

    def _get(self, place: Place) -> Any:
        data = self.data
        for part in place:
            data = _child(data, part)
        return data


def _without_consequences(faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves out what only follows from another fault: a list too short because an item in it is wrong, and keys that
    are missing because the kind is unknown."""
    places = [fault["loc"] for fault in faults]
    unknown_kinds = {place[:-1] for place in places if place and place[-1] == "kind"}

    def follows(fault: dict[str, Any]) -> bool:
        place = fault["loc"]
        if fault["type"] == "too_short":
            return any(len(other) > len(place) and other[: len(place)] == place for other in places)
        return fault["type"] == "missing" and place[:-1] in unknown_kinds

    return [fault for fault in faults if not follows(fault)]


def _child(data: Any, part: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _yaml_word(value: Any) -> str:
    return {"dict": "mapping", "list": "list"}.get(type(value).__name__, type(value).__name__)
