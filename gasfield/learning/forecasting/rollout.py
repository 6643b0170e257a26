"""Forecasts by a learned field: rows move in it from the origin under the law that it was learned for.

    velocity     x <- x + h F(x), with the interval of the training frames as h, since F was fitted to mean velocities
                 over it; the last step is shorter where a target is in between; on the unit sphere F is projected onto
                 its tangent space, and x onto the sphere
    gradient     the recorded optimiser with -F(x) as gradient, its moments replayed up to the origin

A field of forces on masses needs velocities and a bath, which frames do not have; it is not forecast. Where rows do not
interact and the field is steady, all origins of a block move at once; otherwise one after the other, from some of the
origins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces import Surroundings
from gasfield.forces.learned import LearnedField
from gasfield.forces.learned.learned import LearnedForce
from gasfield.gas import Gas
from gasfield.learning.data import TrainingData
from gasfield.learning.forecasting.protocol import Forecaster, History, Predictor, Task, Unavailable, Values
from gasfield.learning.forecasting.replay import Replayed
from gasfield.learning.model import AnyModel
from gasfield.provenance import FileDigest
from gasfield.quantity import Quantity
from gasfield.spaces import Free, Space
from gasfield.spaces.sphere import Sphere
from gasfield.trajectory import Trajectory

_SLOW_ORIGINS = 24
"""Origins from which a field with interaction, or one that depends on time, is followed."""


class LearnedModel(Forecaster):
    """A model that is fitted to the training frames."""

    kind: Literal["learned"] = "learned"
    model: AnyModel

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        if past.trajectory is None:
            raise Unavailable("there is no trajectory behind these frames")
        data = TrainingData.of_group(past.group, past.trajectory)
        try:
            fitted = self.model.fit(data)
        except InputError as fault:
            raise Unavailable(fault.message) from None
        field = LearnedField(fitted.terms, data.dimensions, fitted.moved, data.space, data.span)
        return Rollout.of(field, past, fitted.quantities)

    def simpler(self, past: History, horizons: tuple[int, ...], fitted: Predictor) -> Mapping[str, Predictor]:
        found: dict[str, Predictor] = {}
        for term, model in self.model.simpler().items():
            with suppress(Unavailable):  # too few data without it
                found[term] = LearnedModel(model=model).fit(past, horizons)
        return found


class LearnedFile(Forecaster):
    """A field in a file, learned before."""

    kind: Literal["learned_file"] = "learned_file"
    file: Path

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        return Rollout.of(LearnedField.read(self.file), past, {})

    def simpler(self, past: History, horizons: tuple[int, ...], fitted: Predictor) -> Mapping[str, Predictor]:
        assert isinstance(fitted, Rollout)
        return fitted.without_each_term(past)

    def require_unseen(self, trajectory: Trajectory, last_step: int) -> None:
        """Refuses a field that was fitted to frames of this trajectory after the training span.

        Raises:
            InputError: with both steps.
        """
        field = LearnedField.read(self.file)
        digest = FileDigest.of(trajectory.path).as_json()
        used = field.provenance.get("recordings", [])
        same = any({name: own.get(name) for name in digest} == digest for own in used if isinstance(own, dict))
        if same and field.span[1] > last_step:
            raise InputError(
                f"{self.file}: was fitted to this trajectory up to step {field.span[1]}, and the training span ends at "
                f"step {last_step}: it has seen what it would forecast.",
                parameter="model",
            )


@dataclass(frozen=True)
class Rollout(Predictor):
    """A field that moves rows.

    Attributes:
        field: what was learned.
        force: the force of its terms, or of some of them.
        interval: steps of one update of the velocity.
        numbers: of the fit.
        most_origins: as for every predictor.
    """

    field: LearnedField
    force: LearnedForce
    interval: int
    numbers: Mapping[str, Quantity]
    most_origins: int | None = None

    @classmethod
    def of(cls, field: LearnedField, past: History, numbers: Mapping[str, Quantity]) -> Rollout:
        """A field after its fit.

        Raises:
            Unavailable: if it cannot move these rows.
        """
        if field.moved.target == "force":
            raise Unavailable("it is a field of forces on masses: frames have no velocities to start from")
        interval = max(int(np.median(np.diff(past.steps))), 1)
        force = _force(field, past.group.dimensions, None)
        slow = force.interacting or not force.steady
        return cls(field, force, interval, numbers, _SLOW_ORIGINS if slow else None)

    def without_each_term(self, past: History) -> Mapping[str, Predictor]:
        """The field without one of its terms; the others are not fitted again."""
        names = list(self.field.terms)
        if len(names) < 2:
            return {}
        return {
            name: replace(self, force=_force(self.field, past.group.dimensions, [o for o in names if o != name]))
            for name in names
        }

    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        if self.field.moved.target == "gradient":
            yield from self._by_the_optimiser(history, tasks)
        elif self.force.steady and not self.force.interacting:
            for task in tasks:
                yield self._moved(history, history.places(task.origins), task.steps, task.spans)
        else:
            for task in tasks:
                places = history.places(task.origins)
                one_by_one = (slice(at, at + 1) for at in range(len(task.origins)))
                yield np.concatenate(
                    [self._moved(history, places[at], task.steps[at], task.spans[at]) for at in one_by_one]
                )

    def quantities(self) -> Mapping[str, Quantity]:
        return self.numbers

    def _moved(self, history: History, places: Values, steps: NDArray[np.int64], spans: NDArray[np.int64]) -> Values:
        """(B, H, N, D): Euler's steps in the velocity, all origins at once."""
        pace = _time_a_step(history)
        count, rows, dimensions = places.shape
        found = np.repeat(places[:, None], spans.shape[1], axis=1)
        gas, space = _gas(history, places.reshape(-1, dimensions), count), _space(self.field)
        passed = 0
        for elapsed in _moments(spans, self.interval):
            gas.step, gas.time = int(steps[0]) + passed, float((int(steps[0]) + passed) * pace)
            with np.errstate(over="ignore", invalid="ignore"):
                velocity = _total(self.force, gas)
                space.tangent(gas.positions, velocity)
                gas.positions = gas.positions + velocity * ((elapsed - passed) * pace)
                space.settle(gas.positions)
            passed = elapsed
            block, horizon = np.nonzero(spans == elapsed)
            found[block, horizon] = gas.positions.reshape(count, rows, dimensions)[block]
        return found

    def _by_the_optimiser(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        replayed = Replayed(history, 0.0)
        gas = _gas(history, history.places(slice(0, 1))[0], 1)

        def gradient(weights: NDArray[np.float32], step: int) -> Values:
            gas.positions, gas.step, gas.time = weights.astype(np.float64), step, float(step)
            return -_total(self.force, gas)

        for task in tasks:
            found = []
            for origin, targets in zip(task.origins, task.targets, strict=True):
                replayed.advance_to(int(origin))
                found.append(replayed.ahead(targets, gradient))
            yield np.array(found)


def _force(field: LearnedField, dimensions: int, terms: Sequence[str] | None) -> LearnedForce:
    """The force of a field, or of some of its terms, in its space.

    Raises:
        Unavailable: if it has other dimensions than the rows, or is not defined in its space.
    """
    if field.dimensions != dimensions:
        raise Unavailable(f"the field has {field.dimensions} dimensions, the rows have {dimensions}")
    try:
        parts = field.build(Surroundings(_space(field), Path), None if terms is None else tuple(terms))
    except InputError as fault:
        raise Unavailable(fault.message) from None
    return LearnedForce(field, parts)


def _space(field: LearnedField) -> Space:
    return Sphere(dimensions=field.dimensions) if field.space == "sphere" else Free(dimensions=field.dimensions)


def _gas(history: History, places: Values, copies: int) -> Gas:
    """The rows as often as there are origins."""
    group = history.group
    count = group.count * copies
    return Gas(
        np.ascontiguousarray(places, np.float64),
        np.zeros(count, np.int64),
        [group.name],
        np.full(count, -1),
        [""] * count,
        masses=np.tile(group.masses, copies),
        charges=np.tile(group.charges, copies),
        ids=np.tile(group.ids, copies),
    )


def _total(force: LearnedForce, gas: Gas) -> Values:
    total = np.zeros_like(gas.positions)
    force.add(gas, total)
    return total


def _time_a_step(history: History) -> float:
    """The time of one step: 1 in a recording, the time step in a simulation."""
    steps, times = history.steps, history.group.times
    return float((times[-1] - times[0]) / (steps[-1] - steps[0]))


def _moments(spans: NDArray[np.int64], interval: int) -> list[int]:
    """All multiples of the interval up to the longest span, and all spans, without 0."""
    longest = int(spans.max())
    return sorted({*range(interval, longest + 1, interval), *np.unique(spans[spans > 0]).tolist()})
