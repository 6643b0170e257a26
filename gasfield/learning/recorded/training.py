"""Gradients and optimiser of the trainings in a set of training data, as targets and provenance of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from gasfield.errors import InputError
from gasfield.learning.data import Array, TrainingData, Transitions
from gasfield.learning.recorded.gradients import LIVE, Form, RowGradients
from gasfield.learning.recorded.law import RecordedLaw


def gradients_of(data: TrainingData, form: Form) -> list[RowGradients]:
    """Those of the rows of each trajectory.

    Raises:
        InputError: if they were not recorded.
    """
    found = []
    for trajectory, group in zip(data.trajectories, data.groups, strict=True):
        gradients = RowGradients.of(trajectory, group.ids, form)
        if gradients.reason:
            raise InputError(
                f"{trajectory.path}: {gradients.reason}. Use target: velocity, or rows whose gradient is recorded, "
                f"'{LIVE}' perhaps.",
                parameter="target",
            )
        found.append(gradients)
    return found


def gradients_at_start(data: TrainingData, gradients: RowGradients, part: Transitions) -> Array:
    """(t, n, D) the gradients of all rows at the start of each interval.

    Raises:
        InputError: if they were not recorded at one of the steps.
    """
    lacking = part.steps[~np.isin(part.steps, gradients.steps)]
    if len(lacking):
        path = data.trajectories[part.source].path
        raise InputError(f"{path}: gradients at step {lacking[0]} are not recorded.", parameter="target")
    steps = zip(part.steps.tolist(), part.start, strict=True)
    return np.array([gradients.at(step, places) for step, places in steps])


def common_law(data: TrainingData) -> tuple[dict[str, Any], list[str]]:
    """The constants that all trainings of the data share, as parameters of dynamics, and what is to be said of the
    others.

    Raises:
        InputError: if they used different optimisers.
    """
    laws = [RecordedLaw.of(trajectory) for trajectory in data.trajectories]
    notes = [
        f"{trajectory.path.name}: {law.reason}: choose the dynamics yourself"
        for trajectory, law in zip(data.trajectories, laws, strict=True)
        if law.optimiser is None
    ]
    constants = [law.constants for law in laws]
    kinds = {str(known["kind"]) for known in constants if known}
    if len(kinds) > 1:
        raise InputError(f"the recordings were trained by different optimisers: {', '.join(sorted(kinds))}.")
    same = {name: value for name, value in constants[0].items() if all(o.get(name) == value for o in constants)}
    different = sorted({name for known in constants for name in known} - set(same))
    if different:
        notes.append(f"the recordings differ in {', '.join(different)} of their optimiser")
    return same, notes
