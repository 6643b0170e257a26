"""Gradients that the training gave to rows: by the recorded field at dead rows, as recorded at live ones. A tracer is a
dead row too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.trajectory import AffineField, FullField, Series, Trajectory

Values = NDArray[np.float64]
Form = Literal["affine", "full"]
"""The stored form of the field."""
LIVE = "live"
"""The group whose gradients a recorder keeps."""
DEAD = "dead"


@dataclass(frozen=True)
class RowGradients:
    """The gradients of N rows at training steps.

    Attributes:
        steps: (S,) the training steps at which that of every row is known, ascending.
        reason: why there are none; empty if there are some.
        field: of the rows that never occur in the text.
        dead: (N,) which rows these are.
        live: the recorded gradients of the others; values (S', n, D).
        columns: (N,) their place in `live`; -1 for dead rows.
    """

    steps: NDArray[np.int64]
    reason: str = ""
    field: AffineField | FullField | None = None
    dead: NDArray[np.bool_] | None = None
    live: Series | None = None
    columns: NDArray[np.int64] | None = None

    @classmethod
    def none(cls, reason: str) -> Self:
        """None, for a reason."""
        return cls(np.empty(0, np.int64), reason)

    @classmethod
    def of(cls, trajectory: Trajectory, rows: NDArray[np.int64], form: Form = "affine") -> Self:
        """Those of some rows of a recording; rows obey the field if they are dead or tracers, which replace dead
        rows. The file must stay open for the full field."""
        if form not in trajectory.fields:
            others = ", ".join(trajectory.fields) or "none"
            return cls.none(f"no {form} field is recorded (fields here: {others})")
        dead = are_dead(trajectory)[rows]
        live: Series | None = None
        columns = np.full(len(rows), -1)
        try:
            field = _field(trajectory, form) if dead.any() else None
        except InputError as fault:  # damaged, or too large for memory
            return cls.none(fault.message)
        steps = field.steps if field is not None else np.empty(0, np.int64)
        if not dead.all():
            try:
                live = trajectory.live_gradients()
                members = trajectory.members(LIVE)
            except InputError:
                return cls.none(f"{int(np.sum(~dead))} rows are not dead, and their gradients are not recorded")
            place = {int(row): at for at, row in enumerate(members)}
            columns[~dead] = [place.get(int(row), -1) for row in rows[~dead]]
            if lacking := int(np.sum(columns[~dead] < 0)):
                return cls.none(f"{lacking} rows are neither dead nor in the group '{LIVE}': no gradient is recorded")
            steps = np.intersect1d(steps, live.steps) if field is not None else live.steps
        return cls(steps, "", field, dead, live, columns)

    def before(self, step: int) -> Self:
        """Those of the steps before a step."""
        return replace(self, steps=self.steps[self.steps < step])

    def missing(self, start: int, stop: int) -> str:
        """Why the gradients are not known at every step from `start` to before `stop`; empty if they are."""
        if self.reason:
            return self.reason
        known = int(np.sum((self.steps >= start) & (self.steps < stop)))
        if known == stop - start:
            return ""
        return f"gradients are recorded at {known} of the {stop - start} steps from {start} to {stop - 1}"

    def at(self, step: int, positions: NDArray[np.floating]) -> Values:
        """(N, D) the gradients of the rows at positions (N, D) at a training step of `steps`."""
        found = np.empty(positions.shape)
        assert self.dead is not None
        assert self.columns is not None
        if self.field is not None:
            found[self.dead] = _gradient(self.field, step, positions[self.dead])
        if self.live is not None:
            values = self.live.values[int(np.searchsorted(self.live.steps, step))]
            found[~self.dead] = values[self.columns[~self.dead]]
        return found


def _field(trajectory: Trajectory, form: Form) -> AffineField | FullField:
    return trajectory.affine_field() if form == "affine" else trajectory.full_field()


def _gradient(field: AffineField | FullField, step: int, places: NDArray[np.floating]) -> Values:
    """(n, D) the gradient at places (n, D)."""
    if isinstance(field, AffineField):
        local = field.at(step)
        gradient: Values = local.gradient + (places - local.reference) @ local.hessian
        return gradient
    exact = field.at(step)
    gradient = (np.exp(places @ exact.hidden.T - exact.log_partition) * exact.weight) @ exact.hidden
    return gradient


def are_dead(trajectory: Trajectory) -> NDArray[np.bool_]:
    """(N,) whether a row is dead: in the group of that name, in the survey of dead rows, or part of a structure, which
    a recorder plants in dead rows."""
    tracers = [number for number, name in enumerate(trajectory.names) if name == DEAD or name in trajectory.bonds]
    dead = np.isin(trajectory.species, tracers)
    if trajectory.has_survey:
        dead |= np.isin(trajectory.token_ids, trajectory.survey_ids)
    return np.asarray(dead & (trajectory.species != _number(trajectory, LIVE)))


def _number(trajectory: Trajectory, name: str) -> int:
    return trajectory.names.index(name) if name in trajectory.names else -1
