"""A sweep of short runs, and what tells whether its files were touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gasfield.scenario import Scenario


def scenario(**keys: Any) -> Scenario:
    """A few particles in a well, coupled to a bath."""
    data: dict[str, Any] = {
        "title": "A well", "question": "How far do particles go?", "seed": 1,
        "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 4, "spread": 0.5}}],
        "forces": [{"kind": "harmonic", "stiffness": 1.0}],
        "dynamics": {"kind": "langevin", "time_step": 0.1, "friction": 1.0}, "temperature": 0.5,
        "run": {"steps": 60, "record_every": 2}, "diagnostics": ["thermodynamics", "cloud"],
    }  # fmt: skip
    return Scenario.model_validate(data | keys).named("well")


def inodes(directory: Path) -> dict[str, tuple[int, int]]:
    """Which files the trajectories of a sweep are, and when they were written last."""
    found = {path: path.stat() for path in directory.glob("points/*/*/trajectory.h5")}
    return {str(path): (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}
