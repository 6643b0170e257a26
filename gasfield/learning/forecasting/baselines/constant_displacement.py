"""Constant displacement: every row keeps the velocity of its last recorded interval.

    x(t) = x_o + v (t - t_o),     v = (x_o - x_(o-1)) / (t_o - t_(o-1))

with times in steps, so that frames may be uneven.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from gasfield.learning.forecasting.protocol import Forecaster, Frames, History, Predictor, Task, Values
from gasfield.registry import register


@register
class ConstantDisplacement(Forecaster):
    """Motion with the last velocity of each row."""

    kind: Literal["constant_displacement"] = "constant_displacement"

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        return _GoOn()


class _GoOn(Predictor):
    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        for task in tasks:
            here = history.places(task.origins)
            velocity = last_velocities(history, task.origins, here)
            yield here[:, None] + velocity[:, None] * task.spans[:, :, None, None]


def last_velocities(history: History, origins: Frames, here: Values) -> Values:
    """(B, N, D) displacement a step in the interval before each origin, at which the rows are `here` (B, N, D)."""
    elapsed = history.steps[origins] - history.steps[origins - 1]
    velocity: Values = (here - history.places(origins - 1)) / elapsed[:, None, None]
    return velocity
