"""What a key may hold, in words, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
Link = Callable[[str], str]
"""Name of a specification, or of a registry ("force") -> a link to where it is described."""

_SCALARS = {"string": "text", "boolean": "true or false", "object": "a mapping", "null": "null"}
_ANY = "Any "
"""How the description of a union begins that comes from a registry: "Any force, selected by `kind`."."""


def in_words(schema: Schema, link: Link) -> str:
    """The type of a value: "number > 0 or [schedule](schedules.md)"."""
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{_plain(schema['const'])}`"
    if schema.get("description", "").startswith(_ANY) and "oneOf" in schema:
        return link(schema["description"].removeprefix(_ANY).partition(",")[0])
    if "enum" in schema:
        return " or ".join(f"`{_plain(value)}`" for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _one_of(schema[key], link)
    return _of_type(schema, link)


def default_in_words(schema: Schema, *, required: bool) -> str:
    """The default as it would be written in YAML; empty where a key is required, or left out."""
    value = schema.get("default")
    if required or value is None or value in ([], {}, ""):
        return "required" if required else ""
    return f"`{_plain(value)}`"


def _one_of(options: list[Schema], link: Link) -> str:
    """Alternatives, each once; `null` says no more than that a key can be left out."""
    words = dict.fromkeys(in_words(option, link) for option in options if option.get("type") != "null")
    return " or ".join(words)


def _of_type(schema: Schema, link: Link) -> str:
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return f"{kind}{_bounds(schema)}"
    if kind == "array":
        return _list(schema, link)
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"mapping of names to {in_words(schema['additionalProperties'], link)}"
    return _SCALARS.get(str(kind), "anything")


def _list(schema: Schema, link: Link) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(in_words(item, link) for item in schema['prefixItems'])}]"
    items = in_words(schema.get("items", {}), link)
    return f"list of {f'({items})' if ' or ' in items else items}"


def _bounds(schema: Schema) -> str:
    """ "≥ 0", "> 0, ≤ 1"; those of 64 bits are not mentioned."""
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [
        f"{sign} {_number(schema[key])}" for key, sign in signs.items() if key in schema and abs(schema[key]) < 2**53
    ]
    return f" {', '.join(found)}" if found else ""


def _number(value: float) -> str:
    """A bound: a whole number with commas, another one as it is."""
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _plain(value: Any) -> str:
    """A value as in YAML."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_plain(item)}' for key, item in value.items() if item is not None)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return json.dumps(value)
