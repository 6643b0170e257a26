"""Single updates along the recorded path: what the law makes of each recorded frame, beside the next one.

A hindcast adds up the errors of all its updates. To see them one by one, the rows are set back to their recorded
positions at every frame, while the moments go on: they are driven by the field at the recorded positions. What differs
at the next frame is the error of the updates in between alone. Beside the law itself go variants of it: without the
rounding of the weights, with another rate or decay, with moments in another precision, and with the gradients that the
training gave, where they are recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.optimiser import Optimiser
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.simulation import Simulation
from gasfield.trajectory import SURVEYED, FullField, Trajectory

Single = NDArray[np.float32]
Values = NDArray[np.float64]
State = dict[str, NDArray[Any]]

ORDINARY = frozenset({"first_moment", "second_moment", "momentum"})
"""The state of laws whose variants are known."""
_BLOCK = 1 << 23
"""Numbers of recorded frames that are read at a time."""
_RATE, _DECAY = 2.0**-6, 2.0**-8
"""Changes of the rate, relative to it, and of rate x decay, by which a law is differentiated: large beside the
rounding of float32, and both enter linearly."""


@dataclass(frozen=True)
class RecordedRows:
    """The recorded positions of the rows of a gas.

    Attributes:
        recording: open.
        groups: the groups, in the order of the gas.
        steps: (T,) at which all of them are recorded, within the hindcast.
    """

    recording: Trajectory
    groups: tuple[str, ...]
    steps: NDArray[np.int64]

    @classmethod
    def of(cls, recording: Trajectory, groups: tuple[str, ...], start: int, stop: int) -> Self:
        """Those from step `start` to `stop`."""
        steps = [recording.survey_frames().steps if _surveyed(recording, name) else recording.steps for name in groups]
        common = steps[0]
        for each in steps[1:]:
            common = np.intersect1d(common, each)
        return cls(recording, groups, common[(common >= start) & (common <= stop)])

    def frames(self) -> Iterator[Single]:
        """(N, D) at each of the steps."""
        size = sum(len(self.places(name)) for name in self.groups) * self.recording.dimensions
        length = max(1, _BLOCK // max(1, size))
        for begin in range(0, len(self.steps), length):
            parts = [self._block(name, self.steps[begin : begin + length]) for name in self.groups]
            yield from np.ascontiguousarray(np.concatenate(parts, axis=1), np.float32)

    def places(self, name: str) -> NDArray[np.int64]:
        """Rows of a group in the recording, or in its survey."""
        if _surveyed(self.recording, name):
            return np.arange(len(self.recording.survey_ids))
        return self.recording.members(name)

    def _block(self, name: str, steps: NDArray[np.int64]) -> NDArray[np.floating]:
        if _surveyed(self.recording, name):
            kept = self.recording.survey_frames()
            return np.stack([kept[int(np.searchsorted(kept.steps, step))] for step in steps])
        of_recording = self.recording.steps
        at = np.searchsorted(of_recording, steps)
        first, last = int(at[0]), int(at[-1]) + 1
        return self.recording.positions(self.places(name), slice(first, last))[at - first]


def _surveyed(recording: Trajectory, name: str) -> bool:
    return name == SURVEYED and name not in recording.names


@dataclass(frozen=True)
class Interval:
    """The updates from one recorded frame to the next.

    Attributes:
        step: that of the next frame.
        updates: number of updates.
        law: of the last of them, in plain numbers.
        before: (N, D) recorded frame from which they start.
        stored: (N, D) next recorded frame.
        predicted: (N, D) what the law makes of `before`.
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
    stored: Single
    predicted: Single
    unrounded: Values
    by_rate: Values
    by_decay: Values
    by_field: Values | None
    by_moments: Mapping[str, Values]
    gradient_error: Values | None


@dataclass
class _Interval:
    """Sums over the updates of an interval, while it goes on."""

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
        self._count, self._state = int(state.pop("step_count")), state
        self._others = {name: _copied(state) for name in _other_moments(self._law.fixed)}
        self._as_trained = _copied(state)
        self._exact = rows.recording.full_field() if "full" in rows.recording.fields else None

    @property
    def knows_variants(self) -> bool:
        """Whether single updates of the law and its variants are known: it keeps moments only, rounds them and weights
        to the nearest number of float32 or bfloat16, and centres nothing."""
        law = self._law.fixed
        formats = {law.weight_dtype, getattr(law, "gradient_dtype", None) or law.weight_dtype}
        roundings = {getattr(law, name, "nearest") for name in ("weight_rounding", "moment_rounding")}
        plain = not law.centred and roundings <= {"nearest"} and formats <= {"float32", "bfloat16"}
        return plain and set(self._state) <= ORDINARY

    def intervals(self) -> Iterator[Interval]:
        """One after the other."""
        frames = zip(self._rows.steps.tolist(), self._rows.frames(), strict=True)
        for (start, before), (stop, stored) in pairwise(frames):
            yield self._interval(start, stop, before, stored)

    def _interval(self, start: int, stop: int, before: Single, stored: Single) -> Interval:
        weights, unrounded = before.copy(), before.astype(np.float64)
        sums = _Interval(*np.zeros((3, *before.shape)))
        updates, law = 0, self._law.fixed
        for step in range(start, stop):
            if self._law.training is not None and not self._law.training.updates_at(step):
                continue
            law = self._law.at(step)
            self._count += 1
            updates += 1
            unrounded = self._update(law, step, weights, sums, recorded=step == start)
        return Interval(
            stop, updates, law, before, stored, weights, unrounded, sums.by_rate, sums.by_decay,
            None if sums.gradient_error is None else sums.by_field, sums.by_moments, sums.gradient_error,
        )  # fmt: skip

    def _update(self, law: Optimiser, step: int, weights: Single, sums: _Interval, *, recorded: bool) -> Values:
        """One update of weights, in place, and of all variants; returns the weights before they are rounded."""
        gradient = self._gradient(law, step, weights)
        free = law.model_copy(update={"weight_dtype": "float32"})
        unrounded = self._moved(free, weights, gradient, self._state)
        rate, decay = law.learning_rate, law.weight_decay
        if rate > 0:
            faster = free.model_copy(update={"learning_rate": rate * (1 + _RATE)})
            sums.by_rate += (self._moved(faster, weights, gradient, self._state) - unrounded) / (rate * _RATE)
            decaying = free.model_copy(update={"weight_decay": decay + _DECAY / rate})
            sums.by_decay += (self._moved(decaying, weights, gradient, self._state) - unrounded) / (_DECAY / rate)
        self._with_other_moments(free, weights, gradient, unrounded, sums)
        trained = self._trained_gradient(law, step) if recorded else None
        if trained is not None:
            sums.gradient_error = _relative_error(gradient, trained)
        theirs = gradient if trained is None else trained
        sums.by_field += self._moved(free, weights, theirs, self._as_trained) - unrounded
        law.update(weights.copy(), theirs, self._as_trained, self._count)
        law.update(weights, gradient, self._state, self._count)
        return unrounded

    def _with_other_moments(
        self, free: Optimiser, weights: Single, gradient: Single, unrounded: Values, sums: _Interval
    ) -> None:
        """The variants with moments in another precision, whose state goes on by their own law."""
        for name, keys in _other_moments(free).items():
            moved = weights.copy()
            free.model_copy(update=keys).update(moved, gradient, self._others[name], self._count)
            change = moved.astype(np.float64) - unrounded
            sums.by_moments[name] = sums.by_moments.get(name, 0.0) + change

    def _moved(self, law: Optimiser, weights: Single, gradient: Single, state: State) -> Values:
        """(N, D) weights after an update that changes nothing else."""
        moved = weights.copy()
        law.update(moved, gradient, _copied(state), self._count)
        return moved.astype(np.float64)

    def _gradient(self, law: Optimiser, step: int, weights: Single) -> Single:
        """(N, D) that of the field of the simulation, in the precision of the weights."""
        gas: Gas = replace(self._gas, positions=weights, step=step)
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
    """As the law takes it: rounded to float32, and to bfloat16 where its gradients are, by default as its weights."""
    single = np.ascontiguousarray(gradient, np.float32)
    taken = getattr(law, "gradient_dtype", None) or law.weight_dtype
    return np.ascontiguousarray(round_to_bfloat16(single)) if taken == "bfloat16" else single


def _relative_error(ours: Single, theirs: Single) -> Values:
    """(N,) |ours - theirs| / |theirs|; NaN where that is 0."""
    size = np.linalg.norm(theirs.astype(np.float64), axis=1)
    apart = np.linalg.norm(ours.astype(np.float64) - theirs, axis=1)
    return np.asarray(np.divide(apart, size, out=np.full(len(size), np.nan), where=size > 0))


def _other_moments(law: Optimiser) -> dict[str, dict[str, Any]]:
    """Changes of a law by which one of its moments, or all, are kept in the other of float32 and bfloat16."""
    found: dict[str, dict[str, Any]] = {}
    fields = type(law).model_fields
    kept: Sequence[tuple[str, str]] = [*law.moment_dtypes.items()]
    for name, dtype in kept:
        key = f"{name}_dtype" if f"{name}_dtype" in fields else "moment_dtype"
        found[name] = {key: "float32" if dtype == "bfloat16" else "bfloat16"}
    if len(found) > 1:
        found["all"] = {key: dtype for change in found.values() for key, dtype in change.items()}
    return found


def _copied(state: State) -> State:
    return {name: array.copy() for name, array in state.items()}
