"""Specifications shared by several tests."""

from __future__ import annotations

from typing import Any

HARMONIC = {"kind": "harmonic", "stiffness": 1.0}


def free(dimensions: int) -> dict[str, Any]:
    """All of R^D."""
    return {"kind": "free", "dimensions": dimensions}
