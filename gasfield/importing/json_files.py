"""JSON that others wrote beside their weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_LARGEST = 1 << 26
"""Bytes: the log of a long training fits, and Python needs some ten times as many."""


def object_in(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if it cannot be read, is too large (64 MiB), or is something else."""
    try:
        if file.stat().st_size > _LARGEST:
            return None
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError, MemoryError):
        return None
    return data if isinstance(data, dict) else None
