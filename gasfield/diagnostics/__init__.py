"""Diagnostics: named results with units and errors from a trajectory, simulated or recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gasfield.diagnostics.base import Diagnostic, Result
from gasfield.diagnostics.cells import Cells
from gasfield.diagnostics.cloud import Cloud
from gasfield.diagnostics.deformation import Deformation
from gasfield.diagnostics.freezing import Freezing
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.motion import Motion
from gasfield.errors import InputError
from gasfield.quantity import nested_leaves
from gasfield.trajectory import Trajectory

DIAGNOSTICS: dict[str, type[Diagnostic]] = {
    "cloud": Cloud,
    "motion": Motion,
    "freezing": Freezing,
    "deformation": Deformation,
    "cells": Cells,
}
"""Every diagnostic by name, in the order in which results are told."""

__all__ = [
    "DIAGNOSTICS",
    "Cells",
    "Cloud",
    "Deformation",
    "Diagnosis",
    "Diagnostic",
    "Freezing",
    "Group",
    "Motion",
    "Result",
    "diagnose",
]


@dataclass(frozen=True)
class LeftOut:
    """A diagnostic that does not apply to a group, and why."""

    group: str
    diagnostic: str
    reason: str


@dataclass(frozen=True)
class Diagnosis:
    """Every result of every group.

    Attributes:
        results: group name -> diagnostic name -> result.
        left_out: what does not apply, and why.
    """

    results: dict[str, dict[str, Result]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Leaves under `groups.NAME`, then what was left out, and the notes on what is undefined."""
        groups = {}
        for name, results in self.results.items():
            merged = {key: q for result in results.values() for key, q in result.quantities().items()}
            groups[name] = nested_leaves(merged)
        notes = [
            {"group": name, "diagnostic": diagnostic, "note": note}
            for name, results in self.results.items()
            for diagnostic, result in results.items()
            for note in result.notes
        ]
        return {"groups": groups, "left_out": [vars(entry) for entry in self.left_out], "notes": notes}

    def plot_all(self, folder: Path) -> list[Path]:
        """One picture a result, `GROUP-DIAGNOSTIC.png`; a result with nothing to draw has none."""
        from gasfield.plots import save

        return [
            save(result.plot().figure, folder / f"{name}-{diagnostic}.png")
            for name, results in self.results.items()
            for diagnostic, result in results.items()
            if any(quantity.value is not None for quantity in result.quantities().values())
        ]


def diagnose(trajectory: Trajectory, names: Sequence[str] | None = None) -> Diagnosis:
    """Runs diagnostics (all by default) on every group of a trajectory to which they apply.

    Raises:
        InputError: if a name is unknown; the message lists those there are.
    """
    chosen = list(DIAGNOSTICS) if names is None else list(names)
    for name in chosen:
        if name not in DIAGNOSTICS:
            raise InputError(f"no diagnostic '{name}'; there are {', '.join(DIAGNOSTICS)}.")
    diagnosis = Diagnosis()
    for group_name in trajectory.names:
        group = Group.of(trajectory, group_name)
        results = diagnosis.results.setdefault(group_name, {})
        for name in chosen:
            diagnostic = DIAGNOSTICS[name]()
            reason = diagnostic.left_out(group)
            if reason is None:
                results[name] = diagnostic.compute(group)
            else:
                diagnosis.left_out.append(LeftOut(group_name, name, reason))
    return diagnosis
