"""JSON that others wrote beside their weights: no reason to refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.reading import read_object

_LARGEST = 1 << 26
"""Bytes: the log of a long training fits."""


def object_in(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if there is none, it cannot be read, or is larger than 64 MiB."""
    try:
        return read_object(file) if file.is_file() and file.stat().st_size <= _LARGEST else None
    except InputError:
        return None
