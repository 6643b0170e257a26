"""Numbers with their errors and units, one a line."""

from __future__ import annotations

from typing import Any

from gasfield.cli.output import put


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
    error = f" ± {short(leaf['error'])}" if leaf["error"] is not None else ""
    unit = "" if leaf["unit"] == "1" else f" {leaf['unit']}"
    return f"{short(leaf['value'])}{error}{unit}"
