"""Diagnostics: named results with units and errors from a trajectory, simulated or recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gasfield.diagnostics.base import Diagnostic, Result, Scope, Together
from gasfield.diagnostics.experiment import Experiment
from gasfield.diagnostics.fields.field_map import FieldMap
from gasfield.diagnostics.fields.force_table import ForceTable
from gasfield.diagnostics.fields.retrieval import Retrieval
from gasfield.diagnostics.group import WHOLE, Group
from gasfield.diagnostics.kinematics.breathing import Breathing
from gasfield.diagnostics.kinematics.cloud import Cloud
from gasfield.diagnostics.kinematics.coherence import Coherence
from gasfield.diagnostics.kinematics.deformation import Deformation
from gasfield.diagnostics.kinematics.directions import Sky
from gasfield.diagnostics.kinematics.flow import Flow
from gasfield.diagnostics.kinematics.motion import Motion
from gasfield.diagnostics.kinematics.orbit import Orbit
from gasfield.diagnostics.kinematics.pair_dispersion import PairDispersion
from gasfield.diagnostics.kinematics.plane import Plane
from gasfield.diagnostics.kinematics.speeds import Speeds
from gasfield.diagnostics.kinematics.step_length import StepLength
from gasfield.diagnostics.kinematics.transport import Transport
from gasfield.diagnostics.lattice.cells import Cells
from gasfield.diagnostics.lattice.distinct import Distinct
from gasfield.diagnostics.lattice.freezing import Freezing
from gasfield.diagnostics.lattice.lifecycle import Lifecycle
from gasfield.diagnostics.structure.basins import Basins
from gasfield.diagnostics.structure.bonds import Bonds
from gasfield.diagnostics.structure.clusters import Clusters
from gasfield.diagnostics.structure.order import Order
from gasfield.diagnostics.structure.radial_distribution import RadialDistribution
from gasfield.diagnostics.thermodynamics.density import Density
from gasfield.diagnostics.thermodynamics.entropy_production import EntropyProduction
from gasfield.diagnostics.thermodynamics.pressure import Pressure
from gasfield.diagnostics.thermodynamics.thermodynamics import Thermodynamics
from gasfield.errors import InputError
from gasfield.quantity import nested_leaves
from gasfield.trajectory import Trajectory

DIAGNOSTICS: dict[str, type[Diagnostic]] = {
    "cloud": Cloud,
    "motion": Motion,
    "step_length": StepLength,
    "coherence": Coherence,
    "transport": Transport,
    "pair_dispersion": PairDispersion,
    "freezing": Freezing,
    "deformation": Deformation,
    "bonds": Bonds,
    "flow": Flow,
    "cells": Cells,
    "lifecycle": Lifecycle,
    "distinct": Distinct,
    "plane": Plane,
    "sky": Sky,
    "thermodynamics": Thermodynamics,
    "entropy_production": EntropyProduction,
    "pressure": Pressure,
    "speeds": Speeds,
    "density": Density,
    "radial_distribution": RadialDistribution,
    "retrieval": Retrieval,
    "clusters": Clusters,
    "order": Order,
    "breathing": Breathing,
    "orbit": Orbit,
    "force_table": ForceTable,
    "field_map": FieldMap,
    "basins": Basins,
}
"""Every diagnostic by name, in the order in which results are told."""

__all__ = [
    "DIAGNOSTICS",
    "Basins",
    "Bonds",
    "Breathing",
    "Cells",
    "Cloud",
    "Clusters",
    "Coherence",
    "Deformation",
    "Density",
    "Diagnosis",
    "Diagnostic",
    "Distinct",
    "EntropyProduction",
    "FieldMap",
    "Flow",
    "ForceTable",
    "Freezing",
    "Group",
    "Lifecycle",
    "Motion",
    "Orbit",
    "Order",
    "PairDispersion",
    "Plane",
    "Pressure",
    "RadialDistribution",
    "Result",
    "Retrieval",
    "Sky",
    "Speeds",
    "StepLength",
    "Thermodynamics",
    "Transport",
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
    """Every result of every group, and of the gas as a whole.

    Attributes:
        results: group name -> diagnostic name -> result.
        whole: diagnostic name -> result, of what belongs to no group.
        left_out: what does not apply, and why.
    """

    results: dict[str, dict[str, Result]] = field(default_factory=dict)
    whole: dict[str, Result] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def _everything(self) -> Iterator[tuple[str, str, Result]]:
        """(group, diagnostic, result); the group of what belongs to none is "gas"."""
        for group, results in [*self.results.items(), (WHOLE, self.whole)]:
            for diagnostic, result in results.items():
                yield group, diagnostic, result

    def as_json(self) -> dict[str, Any]:
        """Leaves under `groups.NAME` and under `gas`, then what was left out, and the notes on what is undefined."""
        groups = {name: _leaves(results) for name, results in self.results.items()}
        notes = [
            {"group": group, "diagnostic": diagnostic, "note": note}
            for group, diagnostic, result in self._everything()
            for note in result.notes
        ]
        whole = {WHOLE: _leaves(self.whole)} if self.whole else {}
        return {"groups": groups, **whole, "left_out": [vars(entry) for entry in self.left_out], "notes": notes}

    def plot_all(self, folder: Path) -> list[Path]:
        """One picture a result, `GROUP-DIAGNOSTIC.png`, or one of all groups, `groups-DIAGNOSTIC.png`, where they are
        best looked at together; a result with nothing to draw has none."""
        from gasfield.plots.style import save

        pictures: dict[str, Result] = {}
        together: dict[str, list[Together]] = {}
        for group, diagnostic, result in self._everything():
            if all(quantity.value is None for quantity in result.quantities().values()):
                continue
            if isinstance(result, Together) and len(self.results) > 1:
                together.setdefault(diagnostic, []).append(result)
            else:
                pictures[f"{group}-{diagnostic}"] = result
        saved = [save(result.plot().figure, folder / f"{name}.png") for name, result in pictures.items()]
        for diagnostic, results in together.items():
            figure = type(results[0]).plot_together(results).figure
            saved.append(save(figure, folder / f"groups-{diagnostic}.png"))
        return saved


def _leaves(results: Mapping[str, Result]) -> dict[str, Any]:
    return nested_leaves({key: q for result in results.values() for key, q in result.quantities().items()})


def diagnose(trajectory: Trajectory, names: Sequence[str] | None = None) -> Diagnosis:
    """Runs diagnostics (all by default) on every group of a trajectory, and on its survey, to which they apply.

    Raises:
        InputError: if a name is unknown; the message lists those there are.
    """
    chosen = list(DIAGNOSTICS) if names is None else list(names)
    for name in chosen:
        if name not in DIAGNOSTICS:
            raise InputError(f"no diagnostic '{name}'; there are {', '.join(DIAGNOSTICS)}.")
    diagnosis = Diagnosis()
    by_scope = {scope: [name for name in chosen if DIAGNOSTICS[name].scope is scope] for scope in Scope}
    for group_name in trajectory.names:
        results = diagnosis.results.setdefault(group_name, {})
        if by_scope[Scope.GROUP]:
            _compute(by_scope[Scope.GROUP], Group.of(trajectory, group_name), results, diagnosis.left_out)
    survey = Group.survey(trajectory)
    if survey is not None and by_scope[Scope.GROUP]:
        _compute(by_scope[Scope.GROUP], survey, diagnosis.results.setdefault(survey.name, {}), diagnosis.left_out)
    if by_scope[Scope.WHOLE] and Experiment.of(trajectory) is not None:
        _compute(by_scope[Scope.WHOLE], Group.whole(trajectory), diagnosis.whole, diagnosis.left_out)
    return diagnosis


def _compute(names: Sequence[str], group: Group, results: dict[str, Result], left_out: list[LeftOut]) -> None:
    for name in names:
        diagnostic = DIAGNOSTICS[name]()
        reason = diagnostic.left_out(group)
        if reason is None:
            results[name] = diagnostic.compute(group)
        else:
            left_out.append(LeftOut(group.name, name, reason))
