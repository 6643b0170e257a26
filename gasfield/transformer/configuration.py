"""Entries of a model's configuration, each checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.printable import shortened
from gasfield.transformer.activations import ACTIVATIONS

_LARGEST = 1e9


class Configuration:
    """A configuration and where it comes from, for messages."""

    def __init__(self, path: Path, entries: Mapping[str, Any]) -> None:
        """Of a file and what it states."""
        self.path = path
        self.entries = entries

    def size(self, key: str, default: int | None = None) -> int:
        """A positive integer.

        Raises:
            InputError: if it is none, or not stated and there is no default.
        """
        value = self.entries.get(key)
        value = default if value is None else value
        if value is None:
            raise InputError(f"{self.path}: {key} is not stated.")
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
            given = f", not {value}" if isinstance(value, int) and abs(value) < 2**63 else " below 2^31"
            raise InputError(f"{self.path}: {key} must be a positive integer{given}.")
        return value

    def number(self, key: str, default: float) -> float:
        """A number from 0 to 1e9.

        Raises:
            InputError: if it is none.
        """
        value = self.entries.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
            raise InputError(f"{self.path}: {key} must be a number >= 0, at most {_LARGEST:g}.")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """Whether something is so."""
        value = self.entries.get(key)
        return default if value is None else bool(value)

    def activation(self, key: str, default: str) -> str:
        """The name of an activation.

        Raises:
            InputError: if it is not computed here.
        """
        return self.choice(key, default, ACTIVATIONS)

    def choice(self, key: str, default: str, known: Collection[str]) -> str:
        """One of several names.

        Raises:
            InputError: if it is another.
        """
        value = self.entries.get(key) or default
        if not isinstance(value, str) or value not in known:
            raise InputError(f"{self.path}: {key} {shortened(str(value))} is not computed; {', '.join(known)} are.")
        return value

    def inside(self, key: str) -> Configuration:
        """The entries of a mapping within it; none if it is absent."""
        value = self.entries.get(key)
        return Configuration(self.path, value if isinstance(value, dict) else {})
