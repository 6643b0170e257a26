"""YAML 1.2 with its core schema (YAML 1.2.2, chapter 10.3), as data that remember the line of every key.

A plain word is null (null, ~), true, false, a number (decimal, 0o17, 0x1F, 1e-3, .inf, .nan) or else text. What YAML
1.1 reads as something else (yes, no, on, off, 1_000, 1:40, 010, 0b11, 2026-01-01) is text here; where a number or a
truth value is due, text is refused (`gasfield.strict`). The name of a key is always text. Refused are what other
readers resolve in different ways or into more data than was written: tags (!!int), anchors and aliases (&a, *a), merge
keys (<<), keys given twice, several documents in one file, numbers out of the range of float64, and characters that
cannot be printed.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml

from gasfield.errors import Place
from gasfield.printable import printable
from gasfield.strict import unprintable

MOST_NESTED = 100
"""Mappings and lists within each other."""
_MOST_DIGITS = 400
"""Of an integer."""
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(
    r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class YamlFault(Exception):  # noqa: N818 (a fault of the text)
    """Text that is not read as YAML.

    Attributes:
        message: why, as the end of a sentence.
        line: counted from 1.
        place: of the key concerned.
    """

    def __init__(self, message: str, line: int, place: Place = ()) -> None:
        super().__init__(message)
        self.message, self.line, self.place = message, line, place


def read(text: str) -> tuple[Any, dict[Place, int]]:
    """The data of a text with one document, and the line of every key and item.

    Raises:
        YamlFault: if it is not YAML, or YAML that is refused (see above).
    """
    try:
        reader = _Reader(text)
        return reader.document(), reader.lines
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise YamlFault(f"not YAML: {printable(str(fault.problem))}", line) from None
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise YamlFault(f"not YAML: the character {_named(fault.character)} is not allowed", line) from None
    except (yaml.YAMLError, ValueError) as fault:
        raise YamlFault(f"not YAML: {printable(str(fault))}", 1) from None


def write(data: Any, *, ascii_only: bool = False) -> str:
    """Data as YAML that `read` reads as the same data, and that readers of YAML 1.1 do not misread either."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=not ascii_only, width=110)
    return text


def kinds_first(data: Any) -> Any:
    """The same data with what a mapping is before what it has."""
    if isinstance(data, dict):
        kind = {"kind": data["kind"]} if "kind" in data else {}
        return kind | {key: kinds_first(value) for key, value in data.items() if key != "kind"}
    return [kinds_first(item) for item in data] if isinstance(data, list) else data


class _Reader:
    """The reader of one document, from the events of PyYAML's parser."""

    def __init__(self, text: str) -> None:
        self._parser = yaml.SafeLoader(text)
        self.lines: dict[Place, int] = {}

    def document(self) -> Any:
        self._next()  # the start of the stream
        if isinstance(self._peek(), yaml.StreamEndEvent):
            return None
        start = self._next()
        if start.version is not None and start.version[1] != 2:
            self._refuse(start, "%YAML {}.{} is another version; write YAML 1.2".format(*start.version))
        data = self._node((), 0)
        self._next()  # the end of the document
        if not isinstance(more := self._next(), yaml.StreamEndEvent):
            self._refuse(more, "the file has several documents (---); only one is allowed")
        return data

    def _node(self, place: Place, depth: int) -> Any:
        event = self._next()
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"aliases (*{printable(str(event.anchor))}) are not read here; write it out", place)
        if event.anchor is not None:
            self._refuse(event, f"anchors (&{printable(str(event.anchor))}) are not read here; leave it out", place)
        if event.tag is not None:
            tag = printable(event.tag.replace("tag:yaml.org,2002:", "!!"))
            self._refuse(event, f"tags ({tag[:60]}) are not read here; write the value without", place)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if depth >= MOST_NESTED:
            self._refuse(event, f"nested too deeply; at most {MOST_NESTED} lists and mappings within each other")
        return self._list(place, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(place, depth)

    def _list(self, place: Place, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(self._peek(), yaml.SequenceEndEvent):
            inner = (*place, len(items))
            self.lines[inner] = _line(self._peek())
            items.append(self._node(inner, depth + 1))
        self._next()
        return items

    def _mapping(self, place: Place, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            key = self._key(place)
            if key in mapping:
                self._refuse(self._last, "duplicate key", (*place, key))
            self.lines[(*place, key)] = _line(self._last)
            mapping[key] = self._node((*place, key), depth + 1)
        self._next()
        return mapping

    def _key(self, place: Place) -> str:
        event = self._next()
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or event.anchor is not None:
            self._refuse(event, "a key must be a word", place)
        if event.value == "<<" and event.style is None:
            self._refuse(event, "merge keys (<<) are not read here; write the keys out", place)
        self._require_printable(event, place)
        return str(event.value)

    def _scalar(self, event: Any, place: Place) -> Any:
        text = str(event.value)
        self._require_printable(event, place)
        if event.style is not None or not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) > _MOST_DIGITS:
                self._refuse(event, f"a number of {len(text)} digits is too large", place)
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return self._float(event, text, place) if _NUMBER.fullmatch(text) else text

    def _float(self, event: Any, text: str, place: Place) -> float:
        named = text.lower().replace(".inf", "inf").replace(".nan", "nan")
        number = float(named)
        digits = re.split("[eE]", text)[0]
        if "n" not in named and (abs(number) == float("inf") or (number == 0.0 and re.search("[1-9]", digits))):
            self._refuse(event, f"{text[:40]} is out of the range of numbers, 5e-324 to 1.8e308", place)
        return number

    def _require_printable(self, event: Any, place: Place) -> None:
        if (fault := unprintable(event.value)) is not None:
            self._refuse(event, fault, place)

    def _next(self) -> Any:
        self._last = self._parser.get_event()  # type: ignore[no-untyped-call]
        return self._last

    def _peek(self) -> Any:
        return self._parser.peek_event()  # type: ignore[no-untyped-call]

    def _refuse(self, event: Any, message: str, place: Place = ()) -> NoReturn:
        raise YamlFault(message, _line(event), place)


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("0123456789-+"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("0123456789-+."))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _named(character: str | int) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"
