"""The recordings that a run is about: those of its fields, then those that its gas comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gasfield.forces import ForceSpec


def recordings_of(forces: Iterable[Any], gas: Any) -> list[str]:
    """Names of recordings as a scenario has them, each once.

    Args:
        forces: specifications; built forces name no file.
        gas: groups as in a scenario; anything else names no file.
    """
    names = [str(force.file) for force in forces if isinstance(force, ForceSpec) and force.recorded]  # type: ignore[attr-defined]
    for group in gas if isinstance(gas, tuple | list) else ():
        source = getattr(group, "source", None)
        if getattr(source, "kind", None) == "recording":
            names.append(str(source.file))  # type: ignore[union-attr]
    return list(dict.fromkeys(names))
