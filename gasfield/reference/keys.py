"""The keys of a specification: type, default, unit and meaning of each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from gasfield.reference.types import Link, default_in_words, in_words
from gasfield.scenario.json_schema import schema_of
from gasfield.spec import Spec

_UNIT = re.compile(r"\s*\[(1|s|[^\]]*(?:energy|length|time|mass|radians|degrees|unit)[^\]]*)\]")
"""A unit in a docstring: "[energy/length^2]"."""


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        name: as in YAML.
        type: what it may hold, in Markdown.
        default: as in YAML; "required" where there is none, empty where the key has no value unless given.
        unit: empty where its meaning states none.
        meaning: one line or a few, in Markdown.
    """

    name: str
    type: str
    default: str
    unit: str
    meaning: str


def keys_of(spec: type[Spec], link: Link) -> list[Key]:
    """The keys of a specification, without `kind`, the required ones first."""
    schema = _resolved(schema_of(spec))
    required = set(schema.get("required", ()))
    found = [
        _key(name, given, link, required=name in required)
        for name, given in schema.get("properties", {}).items()
        if name != "kind"
    ]
    return sorted(found, key=lambda key: key.default != "required")


def summary_of(spec: type[Spec]) -> str:
    """What a specification is, from its docstring: all of it, as paragraphs."""
    return inspect.cleandoc(spec.__doc__ or "")


def parts_of(spec: type[Spec]) -> list[type[Spec]]:
    """The specifications that its keys may hold, in their order; not those of a registry."""
    return [part for field in spec.model_fields.values() for part in _specs_in(field.annotation)]


def _specs_in(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for part in get_args(annotation):
        yield from _specs_in(part)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself of a specification that may hold its like, which is a reference into its own definitions."""
    found: dict[str, Any] = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _key(name: str, schema: dict[str, Any], link: Link, *, required: bool) -> Key:
    meaning = " ".join(schema.get("description", "").split())
    unit = _UNIT.search(meaning)
    rest = _UNIT.sub("", meaning, count=1) if unit else meaning
    return Key(name, in_words(schema, link), default_in_words(schema, required=required), unit[1] if unit else "", rest)
