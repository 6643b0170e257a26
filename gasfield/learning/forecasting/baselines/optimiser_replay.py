"""Optimiser replay: the moments of the recorded optimiser up to the origin, then its law on an extrapolated gradient.

Up to the origin every update of the training is made again (`replay`) with the gradient that was recorded for each row:
the affine field at its position if it is dead, the recorded gradient otherwise. From the origin on the gradient of each
row is held at the mean of its past ones with weights that fade by rho a step,

    mean <- rho mean + (1 - rho) g,     divided by 1 - rho^n after n updates,

and the optimiser goes on with it. The gradient at the step of the origin is not used: it is the next update. rho is
chosen among a few values by the error within the training span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.diagnostics.base import spread_over
from gasfield.learning.forecasting.protocol import (
    Forecaster,
    History,
    Predictor,
    Task,
    Unavailable,
    Values,
    tasks_of,
)
from gasfield.learning.forecasting.replay import Replayed, require_replay
from gasfield.quantity import Quantity
from gasfield.registry import register

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
        require_replay(past)
        if lacking := past.gradients.missing(int(past.steps[0]), int(past.steps[-1])):
            raise Unavailable(f"moments cannot be replayed: {lacking}")
        if self.memory is not None:
            return Replay(self.memory)
        errors = {memory: _training_error(Replay(memory), past, horizons) for memory in _MEMORIES}
        return Replay(min(errors, key=lambda memory: errors[memory]))

    def simpler(self, past: History, horizons: tuple[int, ...], fitted: Predictor) -> Mapping[str, Predictor]:
        return {"mean of past gradients": Replay(0.0)}


@dataclass(frozen=True)
class Replay(Predictor):
    """With the memory rho of the mean gradient."""

    memory: float

    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        replayed = Replayed(history, self.memory)
        for task in tasks:
            found = np.empty((*task.targets.shape, history.group.count, history.group.dimensions))
            for at, origin in enumerate(task.origins):
                replayed.advance_to(int(origin))
                found[at] = replayed.ahead(task.targets[at])
            yield found

    def quantities(self) -> Mapping[str, Quantity]:
        return {"memory": Quantity(self.memory, "1")}


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
