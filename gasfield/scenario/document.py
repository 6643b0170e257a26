"""A YAML file as data that remembers the line of every key, so that a fault can be pointed at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gasfield.errors import InputError, Place, dotted
from gasfield.spec import child, explain


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


def read_value(text: str) -> Any:
    """The data that a piece of YAML stands for, as in a scenario.

    Raises:
        InputError: if it is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError("the value is not YAML.") from None


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
            raise InputError(f"cannot be read ({fault}).", location=str(path)) from None
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
        """The same error with its location in this document; `place` is where its parameter belongs."""
        return error.at(place, self.origin)

    def explain(self, error: ValidationError) -> InputError:
        """A validation error of the data, each fault with its location."""
        return self.locate(explain(error, self.data))

    def _parse(self) -> Any:
        try:
            loader = _Loader(self.text)
            node = loader.get_single_node()
            if node is None:
                raise InputError("the file is empty.", location=f"{self.path}:1")
            self._note(node, ())
            return loader.construct_document(node)
        except yaml.MarkedYAMLError as fault:
            line = fault.problem_mark.line + 1 if fault.problem_mark else 1
            raise InputError(f"not YAML: {fault.problem}.", location=f"{self.path}:{line}") from None
        except (yaml.YAMLError, ValueError) as fault:
            raise InputError(f"not YAML: {fault}.", location=str(self.path)) from None
        except RecursionError:
            raise InputError("not YAML: nested too deeply.", location=str(self.path)) from None

    def _note(self, node: yaml.Node, place: Place) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise InputError("a key must be a word, not a list or mapping.", location=self._line(key))
                inner = (*place, key.value)
                if inner in self._origins:
                    message = "duplicate key."
                    raise InputError(message, location=self._line(key), parameter=dotted(inner))
                self._origins[inner] = self._line(key)
                self._note(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._origins[(*place, index)] = self._line(value)
                self._note(value, (*place, index))

    def _line(self, node: yaml.Node) -> str:
        return f"{self.path}:{node.start_mark.line + 1}"

    def _override(self, override: str) -> None:
        def refused(message: str) -> InputError:
            return InputError(message, parameter="overrides", value=override)

        path, equals, text = override.partition("=")
        if not equals or not path:
            raise refused("write it as a.b=value, for example dynamics.learning_rate=3e-4.")
        place: Place = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        holder, key = self._get(place[:-1]), place[-1]
        if isinstance(holder, list) and not (isinstance(key, int) and key < len(holder)):
            raise refused(f"{dotted(place[:-1])} is a list of {len(holder)}; count from 0.")
        if not isinstance(holder, dict | list):
            raise refused(f"there is no {dotted(place[:-1])} in {self.path}.")
        try:
            holder[key] = read_value(text)  # type: ignore[index]
        except InputError as error:
            raise refused(error.message) from None
        self._origins[place] = f"--set {override}"

    def _get(self, place: Place) -> Any:
        data = self.data
        for part in place:
            data = child(data, part)
        return data
