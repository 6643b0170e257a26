"""How far from the cloud the stored field can be trusted: its two forms beside the exact field, where that is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from precision_replays import ScaledField, gas_of
from precision_tables import markdown
from twin_field import CumulantField

from gasfield.forces import TotalForce
from gasfield.trajectory import Trajectory

SHIFTS = (-0.5, -0.2, 0.0, 0.2, 0.5)
"""Along the force on the centroid [length]; against it where negative."""
STEPS = (13, 134, 499)
"""Of the steps that keep the exact field."""
_ROWS = 50


def errors(recording: Path, step: int, shift: float) -> tuple[float, float]:
    """Relative errors of the gradient in the affine form and in that of two cumulants, root mean square over rows of
    the cloud that are shifted together."""
    with Trajectory(recording) as opened:
        field, survey = opened.affine_field(), opened.survey()
        at, exact = field.at(step), opened.full_field().at(step)
        hidden = np.asarray(exact.hidden, np.float64)
        log_partition, weight = (np.asarray(one, np.float64) for one in (exact.log_partition, exact.weight))
    rows = survey.values[min(int(np.searchsorted(survey.steps, step)), len(survey.steps) - 1)][:_ROWS]
    gas = gas_of(rows - rows.mean(axis=0) + at.reference)
    gas.positions = gas.positions - shift * at.gradient / np.linalg.norm(at.gradient)
    gas.step = step
    gradient = (np.exp(gas.positions @ hidden.T - log_partition) * weight) @ hidden
    forms = ScaledField(field, np.ones(len(field.steps))), CumulantField(field)
    affine, cumulants = (np.linalg.norm(TotalForce([form]).force(gas) + gradient) for form in forms)
    size = np.linalg.norm(gradient)
    return float(affine / size), float(cumulants / size)


def table_of_forms(recording: Path) -> str:
    """Both forms, at some steps and distances."""
    head = ["step", "form", *(f"shifted by {shift:g}" for shift in SHIFTS)]
    rows = []
    for step in STEPS:
        found = [errors(recording, step, shift) for shift in SHIFTS]
        for name, place in (("affine", 0), ("two cumulants", 1)):
            rows.append([str(step), name, *(f"{100 * one[place]:.2g}%" for one in found)])
    return markdown(head, rows)
