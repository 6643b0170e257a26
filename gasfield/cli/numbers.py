"""Numbers with their errors and units, one a line."""

from __future__ import annotations

from typing import Any

from gasfield.cli.output import put
from gasfield.quantity import ZERO, quantity_of


def print_leaves(data: dict[str, Any], prefix: str = "") -> None:
    """Prints one line per number, with dependent numbers (its null, for example) in parentheses."""
    for key, value in data.items():
        if "value" not in value:
            print_leaves(value, f"{prefix}{key}.")
            continue
        aside = ", ".join(f"{name} {_number(inner)}" for name, inner in value.items() if isinstance(inner, dict))
        put(f"  {prefix}{key} = {_number(value)}" + (f" ({aside})" if aside else ""))


def short(value: Any) -> str:
    """A number, or a list of numbers, with six digits."""
    if isinstance(value, list):
        return "[" + ", ".join(map(short, value)) + "]"
    return "not determined" if value is None else f"{value:.6g}"


def _number(leaf: dict[str, Any]) -> str:
    """With two digits of its error, which are in brackets; all digits are in JSON."""
    if leaf["value"] is None:
        return short(None)
    if isinstance(leaf["value"], list) and any(isinstance(part, list) for part in leaf["value"]):
        return short(leaf["value"])
    text = quantity_of(leaf).text()
    return (
        f"[{text}]{_unit(leaf)}" if isinstance(leaf["value"], list) else f"{text}{_unit(leaf) if text != ZERO else ''}"
    )


def _unit(leaf: dict[str, Any]) -> str:
    return "" if leaf["unit"] == "1" else f" {leaf['unit']}"
