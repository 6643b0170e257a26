"""Optimiser replay: the moments of the recorded optimiser up to the origin, then its law on an extrapolated gradient.

Up to the origin every update of the training is made again with the gradient that was recorded for each row (the affine
field at its position if it is dead, the recorded gradient otherwise), in the optimiser's own arithmetic, from zero
moments; positions are set to the recorded ones at every frame. From the origin on the gradient of each row is held at
the mean of its past ones with weights that fade by rho a step,

    mean <- rho mean + (1 - rho) g,     divided by 1 - rho^n after n updates,

and the optimiser goes on with it. The gradient at the step of the origin is not used: it is the next update. rho is
chosen among a few values by the error within the training span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import spread_over
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.learning.forecasting.protocol import (
    Forecaster,
    Frames,
    History,
    Predictor,
    Task,
    Unavailable,
    Values,
    tasks_of,
)
from gasfield.quantity import Quantity
from gasfield.registry import register

Single = NDArray[np.float32]
_MEMORIES = (0.0, 0.8, 0.95, 0.99)
"""Values of rho that are tried."""
_TRIALS = 8
"""Origins within the training span at which they are tried."""


@register
class OptimiserReplay(Forecaster):
    """The recorded optimiser on the mean of past gradients."""

    kind: Literal["optimiser_replay"] = "optimiser_replay"
    memory: float | None = Field(default=None, ge=0.0, lt=1.0)
    """rho [1]; 0 holds the last gradient. Chosen by the error within the training span if left out."""

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        if past.gradients.reason:
            raise Unavailable(past.gradients.reason)
        if past.law.optimiser is None:
            raise Unavailable(past.law.reason)
        if lacking := past.gradients.missing(past.law.first_step, int(past.steps[-1])):
            raise Unavailable(f"moments cannot be replayed: {lacking}")
        if self.memory is not None:
            return Replay(self.memory)
        errors = {memory: _training_error(Replay(memory), past, horizons) for memory in _MEMORIES}
        return Replay(min(errors, key=lambda memory: errors[memory]))

    def simpler(self) -> Mapping[str, Forecaster]:
        return {"mean of past gradients": OptimiserReplay(memory=0.0)}


@dataclass(frozen=True)
class Replay(Predictor):
    """With the memory rho of the mean gradient."""

    memory: float

    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        replayed = _Replayed(history, self.memory)
        for task in tasks:
            found = np.empty((*task.targets.shape, history.group.count, history.group.dimensions))
            for at, origin in enumerate(task.origins):
                replayed.advance_to(int(origin))
                found[at] = replayed.ahead(task.targets[at])
            yield found

    def quantities(self) -> Mapping[str, Quantity]:
        return {"memory": Quantity(self.memory, "1")}


class _Replayed:
    """The state of the optimiser at a frame, and the mean gradient."""

    def __init__(self, history: History, memory: float) -> None:
        law = history.law.optimiser
        assert law is not None
        self._history, self._memory, self._frame = history, memory, 0
        shape = (history.group.count, history.group.dimensions)
        self._moments = {name: np.zeros(shape, np.float32) for name in law.moment_names}
        self._mean, self._updates = np.zeros(shape), 0
        self._weights = self._recorded(0)

    def advance_to(self, frame: int) -> None:
        """Makes the updates up to a frame.

        Raises:
            Unavailable: if a gradient on the way is not recorded.
        """
        steps, gradients = self._history.steps, self._history.gradients
        start, stop = int(steps[self._frame]), int(steps[frame])
        if lacking := gradients.missing(start, stop):
            raise Unavailable(f"moments cannot be replayed: {lacking}")
        for step in range(start, stop):
            gradient = gradients.at(step, self._weights)
            self._update(self._weights, gradient, self._moments, step, self._updates + 1)
            self._updates += 1
            self._mean = self._memory * self._mean + (1 - self._memory) * gradient
            if step + 1 == steps[self._frame + 1]:
                self._frame += 1
                self._weights = self._recorded(self._frame)

    def ahead(self, targets: Frames) -> Values:
        """(H, N, D) positions at later steps (H,)."""
        weights = self._weights.copy()
        moments = {name: moment.copy() for name, moment in self._moments.items()}
        start = int(self._history.steps[self._frame])
        gradient = np.asarray(self._mean / max(1 - self._memory**self._updates, 1e-300), np.float32)
        found = np.empty((len(targets), *weights.shape))
        step, updates = start, self._updates
        for at in np.argsort(targets, kind="stable"):
            while step < targets[at]:
                self._update(weights, gradient, moments, start, updates + 1)
                step, updates = step + 1, updates + 1
            found[at] = weights
        return found + (self._history.places(slice(self._frame, self._frame + 1)) - self._weights)

    def _update(
        self, weights: Single, gradient: NDArray[Any], moments: Mapping[str, Single], step: int, count: int
    ) -> None:
        law = self._history.law.at(step)
        law.update(weights, np.asarray(gradient, np.float32), moments, count)

    def _recorded(self, frame: int) -> Single:
        """The positions of a frame on the lattice of the weights."""
        places = self._history.places(slice(frame, frame + 1))[0]
        law = self._history.law.optimiser
        assert law is not None
        if law.weight_dtype == "bfloat16":
            return np.ascontiguousarray(round_to_bfloat16(places), np.float32)
        return np.ascontiguousarray(places, np.float32)


def _training_error(replay: Replay, past: History, horizons: tuple[int, ...]) -> float:
    """Squared error over squared displacement, averaged over the horizons, at some origins in the second half of the
    training span."""
    count = len(past.steps)
    used = tuple(h for h in horizons if 2 * h < count) or (1,)
    first = max(count // 2, 1)
    origins = first + spread_over(max(count - used[-1] - first, 1), _TRIALS)
    tasks = tasks_of(past, origins, used)
    sums = np.zeros((2, len(used)))
    for task, forecast in zip(tasks, replay.forecasts(past, tasks), strict=True):
        here = past.places(task.origins)
        for at, horizon in enumerate(used):
            inside = task.origins + horizon < count
            real = past.places(task.origins[inside] + horizon)
            sums[0, at] += np.sum((forecast[inside, at] - real) ** 2)
            sums[1, at] += np.sum((here[inside] - real) ** 2)
    return float(np.mean(sums[0] / np.where(sums[1] > 0, sums[1], 1.0)))
