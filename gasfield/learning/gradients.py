"""What training did to its rows: the gradient at each row and step, and the optimiser's constants.

A live row has its own recorded gradient. A dead row, which a tracer is as well, has that of the recorded field at its
position (docs/science.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.learning.data import TrainingData, Transitions
from gasfield.trajectory import Series, Trajectory

Array = NDArray[np.float64]
Field = Literal["affine", "full"]
LIVE = "live"
"""The group whose own gradients are recorded."""


class _FieldOfStep(Protocol):
    def __call__(self, places: Array, step: int) -> Array:
        """(n, D) the gradient at places (n, D) at a step."""


class TrainingGradients:
    """The gradients at the rows of one trajectory at the steps of its frames."""

    def __init__(self, trajectory: Trajectory, rows: NDArray[np.int64], field: Field) -> None:
        """Of some rows (n,) of a trajectory, dead ones by a recorded field.

        Raises:
            InputError: if the gradients were not recorded.
        """
        self._path = trajectory.path
        live = trajectory.members(LIVE) if LIVE in trajectory.names else np.empty(0, np.int64)
        self._is_live = np.isin(rows, live)
        self._number = np.searchsorted(live, rows[self._is_live])
        self._live: Series | None = trajectory.live_gradients() if self._is_live.any() else None
        self._dead: _FieldOfStep | None = None
        if not self._is_live.all():
            if field not in trajectory.fields:
                raise InputError(
                    f"{trajectory.path}: there is no {field} field, so that the gradient of its dead rows is not known "
                    f"(fields here: {', '.join(trajectory.fields) or 'none'}). Use target: velocity, or rows: {LIVE}.",
                    parameter="target",
                )
            self._dead = _affine(trajectory) if field == "affine" else _full(trajectory)

    def of(self, part: Transitions) -> Array:
        """(t, n, D) the gradient at the start of each interval.

        Raises:
            InputError: if it was not recorded at one of the steps.
        """
        found = np.empty(part.start.shape)
        for number, (places, step) in enumerate(zip(part.start, part.steps.tolist(), strict=True)):
            if self._dead is not None:
                found[number, ~self._is_live] = self._dead(places[~self._is_live], step)
            if self._live is not None:
                found[number, self._is_live] = self._of_live(self._live, step)
        return found

    def _of_live(self, series: Series, step: int) -> Array:
        place = int(np.searchsorted(series.steps, step))
        if place == len(series.steps) or series.steps[place] != step:
            raise InputError(f"{self._path}: the gradient of the live rows at step {step} was not recorded.")
        return np.asarray(series.values[place][self._number], np.float64)


def _affine(trajectory: Trajectory) -> _FieldOfStep:
    field = trajectory.affine_field()

    def gradient(places: Array, step: int) -> Array:
        at = field.at(step)
        found: Array = at.gradient + (places - at.reference) @ at.hessian
        return found

    return gradient


def _full(trajectory: Trajectory) -> _FieldOfStep:
    field = trajectory.full_field()

    def gradient(places: Array, step: int) -> Array:
        at = field.at(step)
        found: Array = (np.exp(places @ at.hidden.T - at.log_partition) * at.weight) @ at.hidden
        return found

    return gradient


def gradients_of(data: TrainingData, field: Field) -> list[TrainingGradients]:
    """Those of each trajectory of the training data.

    Raises:
        InputError: if they were not recorded.
    """
    return [
        TrainingGradients(trajectory, group.ids, field)
        for trajectory, group in zip(data.trajectories, data.groups, strict=True)
    ]


_CONSTANTS = ("learning_rate", "betas", "epsilon", "weight_decay", "momentum", "dampening")
_MOMENTS = {"exp_avg": "first_moment_dtype", "exp_avg_sq": "second_moment_dtype", "momentum_buffer": "moment_dtype"}
_KINDS = {"adamw": "adamw", "adam": "adamw", "roundedadamw": "adamw", "sgd": "sgd"}
"""Recorded optimiser -> dynamics with the same law."""


def training_law(trajectory: Trajectory) -> dict[str, Any]:
    """The optimiser of a recorded training as parameters of dynamics, as far as it is known: `kind`, `learning_rate`,
    `betas`, ... Options that varied are left out."""
    given = trajectory.attributes
    kind = _KINDS.get(str(given.get("optimiser", "")))
    if kind is None:
        return {}
    law: dict[str, Any] = {"kind": kind, "weight_dtype": trajectory.precision}
    for name in _CONSTANTS:
        value = given.get(name)
        if value is not None and not isinstance(value, str):
            law[name] = np.asarray(value, np.float64).tolist()
    return law | _moments(given, kind)


def _moments(given: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The precision in which the moments were kept; older recordings have one for all of them."""
    if isinstance(given.get("state"), str):
        return {"moment_dtype": str(given["state"])}
    try:
        kept = json.loads(str(given.get("optimiser_state", "{}")))
    except ValueError:
        return {}
    if not isinstance(kept, dict):
        return {}
    return {own: str(kept[name]) for name, own in _MOMENTS.items() if name in kept}


def common_law(data: TrainingData) -> tuple[dict[str, Any], list[str]]:
    """The law of all trainings of the data, and what differs between them.

    Raises:
        InputError: if they used different optimisers.
    """
    laws = [training_law(trajectory) for trajectory in data.trajectories]
    kinds = {str(law.get("kind")) for law in laws}
    if len(kinds) > 1:
        raise InputError(f"the recordings were trained by different optimisers: {', '.join(sorted(kinds))}.")
    same = {name: value for name, value in laws[0].items() if all(law.get(name) == value for law in laws)}
    different = sorted({name for law in laws for name in law} - set(same))
    notes = [f"the recordings differ in {', '.join(different)} of their optimiser"] if different else []
    if not laws[0]:
        notes.append("the optimiser of the training is not known: choose the dynamics yourself")
    return same, notes
