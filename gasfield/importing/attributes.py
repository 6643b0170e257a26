"""Statements of others as attributes of a file: numbers and text; lists and objects as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from gasfield.printable import listed, shortened, storable

_LONGEST = 16_000
"""Maximum length of a kept value in characters: space for HDF5 attributes is limited."""
_MOST = 1000
"""Maximum number of kept values."""
_MOST_NAMED = 5
_LARGEST = 2**63 - 1


def as_attributes(stated: Mapping[str, Any], taken: Collection[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Entries that fit into an attribute, except those in `taken`; and the names of those too large to be kept."""
    kept: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in stated.items():
        if value is None or name in taken:
            continue
        simple = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= _LARGEST)
        text = storable(value if isinstance(value, str) else _json(value))
        if not name or len(text) > _LONGEST or len(name) > _LONGEST or len(kept) == _MOST:
            left_out.append(shortened(name, 40) or "a value without a name")
        else:
            kept[storable(name)] = value if simple else text
    return kept, tuple(left_out)


def some(names: Collection[str], most: int = _MOST_NAMED) -> str:
    """Some of many names, for a note."""
    return listed(list(names), most)


def _json(value: Any) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, ValueError):
        return " " * (_LONGEST + 1)  # too large
