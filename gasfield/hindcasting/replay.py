"""Single updates along the recorded path: what the law makes of each recorded frame, beside the next one.

A hindcast adds up the errors of all its updates. To see them one by one, the rows are set back to their recorded
positions at every frame, while the moments go on: they are driven by the field at the recorded positions. What differs
at the next frame is the error of the updates in between alone. Beside the law itself go variants of it: without the
rounding of the weights, with another rate or decay, with moments in another precision, and with the gradients that the
training gave, where they are recorded.

A law that keeps what is rounded away (a float32 master, Kahan's compensation) cannot be set back: a recorded frame says
only in which cell the unrounded weight lies. There the weights go on like the moments, driven by the field at the
recorded positions, and errors, like derivatives, add up from the first frame, to first order in rate x decay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.optimiser import Optimiser
from gasfield.gas import Gas
from gasfield.hindcasting.rows import RecordedRows
from gasfield.kernels.lattices import round_to
from gasfield.simulation import Simulation
from gasfield.trajectory import SURVEYED, FullField

Single = NDArray[np.float32]
Values = NDArray[np.float64]
State = dict[str, NDArray[Any]]

_KEPT = ("master", "lost")
"""The state of laws that keep what is rounded away from the weights."""
_RATE, _DECAY = 2.0**-6, 2.0**-8
"""Changes of the rate, relative to it, and of rate x decay, by which a law is differentiated: large beside the
rounding of float32, and both enter linearly."""


@dataclass(frozen=True)
class Interval:
    """The updates from one recorded frame to the next.

    Attributes:
        step: that of the next frame.
        updates: number of updates.
        law: of the last of them, in plain numbers.
        before: (N, D) recorded frame from which they start.
        origin: (N, D) recorded frame from which errors add up: `before`, or the first.
        stored: (N, D) next recorded frame.
        predicted: (N, D) what the law makes of `origin`.
        unrounded: (N, D) the same before the last rounding of the weights.
        by_rate, by_decay: (N, D) derivatives of `unrounded` by the learning rate and by the decay.
        by_field: (N, D) what `unrounded` changes by if the gradients of the training, where they are recorded, replace
            those of the field; None if none is recorded in the interval.
        by_moments: the same for moments in another precision, by their name.
        gradient_error: (N,) error of the gradient of the field at the recorded frame, relative to that of the training;
            None where that is not recorded.
    """

    step: int
    updates: int
    law: Optimiser
    before: Single
    origin: Single
    stored: Single
    predicted: Single
    unrounded: Values
    by_rate: Values
    by_decay: Values
    by_field: Values | None
    by_moments: Mapping[str, Values]
    gradient_error: Values | None


@dataclass
class _Changes:
    """What variants of the law change, summed over updates."""

    by_rate: Values
    by_decay: Values
    by_field: Values
    by_moments: dict[str, Values] = field(default_factory=dict)
    gradient_error: Values | None = None


class Replay:
    """Walks along the recorded path of the rows of a simulation that has not begun."""

    def __init__(self, simulation: Simulation, rows: RecordedRows) -> None:
        """Starts with the state of the simulation; nothing of it is changed."""
        self._gas, self._forces = simulation.gas, simulation.forces
        self._law, self._rows = cast(Optimiser, simulation.law), rows
        state = simulation.dynamics.state()
        self._count = int(state.pop("step_count"))
        self._kept = {name: state.pop(name) for name in _KEPT if name in state}
        self._state = state
        self._others = {name: _copied(state) for name in _other_moments(self._law.fixed)}
        self._as_trained = _copied(state)
        self._exact = rows.recording.full_field() if "full" in rows.recording.fields else None

    @property
    def objection(self) -> str | None:
        """Why single updates of the law cannot be explained; None if they can."""
        law = self._law.fixed
        if law.centred:
            return "the law centres the matrix, so that the error of each row is in all others"
        if getattr(law, "moment_rounding", "nearest") == "stochastic":
            return "the moments are rounded at random, and a recording does not hold the random numbers of its training"
        return None

    def intervals(self) -> Iterator[Interval]:
        """One after the other."""
        frames = zip(self._rows.steps.tolist(), self._rows.frames(), strict=True)
        weights = origin = changes = None
        for (start, before), (stop, stored) in pairwise(frames):
            if weights is None or not self._kept:
                weights, origin, changes = before.copy(), before, None
            changes = changes or _Changes(*np.zeros((3, *before.shape)))
            yield self._interval(start, stop, before, cast(Single, origin), stored, weights, changes)

    def _interval(
        self, start: int, stop: int, before: Single, origin: Single, stored: Single, weights: Single, changes: _Changes
    ) -> Interval:
        """Moves `weights` (N, D), in place, by the updates of an interval."""
        unrounded, first = weights.astype(np.float64), weights.copy()
        changes.gradient_error = None
        updates, law = 0, self._law.fixed
        for step in range(start, stop):
            if self._law.training is not None and not self._law.training.updates_at(step):
                continue
            law = self._law.at(step)
            self._count += 1
            updates += 1
            places = before + (weights - first)
            unrounded = self._update(law, step, weights, places, changes, recorded=step == start)
        by_field = None if changes.gradient_error is None else changes.by_field
        return Interval(
            stop, updates, law, before, origin, stored, weights, unrounded, changes.by_rate, changes.by_decay,
            by_field, changes.by_moments, changes.gradient_error,
        )  # fmt: skip

    def _update(
        self, law: Optimiser, step: int, weights: Single, places: Single, changes: _Changes, *, recorded: bool
    ) -> Values:
        """One update of weights, in place, and of all variants, by the field at some places (N, D); returns the weights
        before they are rounded."""
        gradient = self._gradient(law, step, places)
        free, whole = _unrounding(law), self._whole(weights)
        unrounded = self._moved(free, whole, gradient, self._state)
        rate, decay = law.learning_rate, law.weight_decay
        if rate > 0:
            faster = free.model_copy(update={"learning_rate": rate * (1 + _RATE)})
            changes.by_rate += (self._moved(faster, whole, gradient, self._state) - unrounded) / (rate * _RATE)
            decaying = free.model_copy(update={"weight_decay": decay + _DECAY / rate})
            changes.by_decay += (self._moved(decaying, whole, gradient, self._state) - unrounded) / (_DECAY / rate)
        self._with_other_moments(free, whole, gradient, unrounded, changes)
        trained = self._trained_gradient(law, step) if recorded else None
        if trained is not None:
            changes.gradient_error = _relative_error(gradient, trained)
        theirs = gradient if trained is None else trained
        changes.by_field += self._moved(free, whole, theirs, self._as_trained) - unrounded
        law.update(weights.copy(), theirs, {**self._as_trained, **_copied(self._kept)}, self._count)
        law.update(weights, gradient, {**self._state, **self._kept}, self._count)
        return unrounded

    def _whole(self, weights: Single) -> Single:
        """(N, D) the weights with what the law keeps of them beside what is published."""
        if "master" in self._kept:
            return cast(Single, self._kept["master"])
        return weights + self._kept["lost"] if "lost" in self._kept else weights

    def _with_other_moments(
        self, free: Optimiser, weights: Single, gradient: Single, unrounded: Values, changes: _Changes
    ) -> None:
        """The variants with moments in another precision, whose state goes on by their own law."""
        for name, keys in _other_moments(free).items():
            moved = weights.copy()
            free.model_copy(update=keys).update(moved, gradient, self._others[name], self._count)
            change = moved.astype(np.float64) - unrounded
            changes.by_moments[name] = changes.by_moments.get(name, 0.0) + change

    def _moved(self, law: Optimiser, weights: Single, gradient: Single, state: State) -> Values:
        """(N, D) weights after an update that changes nothing else."""
        moved = weights.copy()
        law.update(moved, gradient, _copied(state), self._count)
        return moved.astype(np.float64)

    def _gradient(self, law: Optimiser, step: int, places: Single) -> Single:
        """(N, D) that of the field of the simulation, in the precision of the weights."""
        gas: Gas = replace(self._gas, positions=places, step=step)
        return _in_precision(-self._forces.force(gas), law)

    def _trained_gradient(self, law: Optimiser, step: int) -> Single | None:
        """(N, D) the gradients that the training gave, if they are recorded at this step for all rows."""
        exact: FullField | None = self._exact
        if exact is None or not np.any(exact.steps == step) or SURVEYED in self._rows.groups:
            return None
        every = exact.gradient_at(step)
        places = np.concatenate([self._rows.places(name) for name in self._rows.groups])
        return _in_precision(every[places], law)


def _in_precision(gradient: NDArray[np.floating], law: Optimiser) -> Single:
    """As the law takes it: in the precision of its gradients, by default that of its weights."""
    return round_to(gradient, getattr(law, "gradient_dtype", None) or law.weight_dtype)


def _relative_error(ours: Single, theirs: Single) -> Values:
    """(N,) |ours - theirs| / |theirs|; NaN where that is 0."""
    size = np.linalg.norm(theirs.astype(np.float64), axis=1)
    apart = np.linalg.norm(ours.astype(np.float64) - theirs, axis=1)
    return np.asarray(np.divide(apart, size, out=np.full(len(size), np.nan), where=size > 0))


def _other_moments(law: Optimiser) -> dict[str, dict[str, Any]]:
    """Changes of a law by which one of its moments, or all, are kept in float32 instead of a smaller format, or instead
    of float32 in that of its weights (bfloat16 if those are float32)."""
    found: dict[str, dict[str, Any]] = {}
    fields = type(law).model_fields
    kept: Sequence[tuple[str, str]] = [*law.moment_dtypes.items()]
    for name, dtype in kept:
        key = f"{name}_dtype" if f"{name}_dtype" in fields else "moment_dtype"
        small = law.weight_dtype if law.weight_dtype != "float32" else "bfloat16"
        found[name] = {key: small if dtype == "float32" else "float32"}
    if len(found) > 1:
        found["all"] = {key: dtype for change in found.values() for key, dtype in change.items()}
    return found


def _unrounding(law: Optimiser) -> Optimiser:
    """The law with weights that are not rounded."""
    keys: dict[str, Any] = {"weight_dtype": "float32"}
    return law.model_copy(
        update=keys | ({"weight_rounding": "nearest"} if "weight_rounding" in type(law).model_fields else {})
    )


def _copied(state: State) -> State:
    return {name: array.copy() for name, array in state.items()}
