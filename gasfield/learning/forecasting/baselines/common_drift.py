"""Common drift: all rows move alike, with the velocity of their centroid in the last recorded interval.

x_i(t) = x_i,o + <v> (t - t_o),     <v> the mean over rows of (x_o - x_(o-1)) / (t_o - t_(o-1))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from gasfield.learning.forecasting.baselines.constant_displacement import last_velocities
from gasfield.learning.forecasting.protocol import Forecaster, History, Predictor, Task, Values
from gasfield.registry import register


@register
class CommonDrift(Forecaster):
    """Motion of all rows with the last velocity of their centroid."""

    kind: Literal["common_drift"] = "common_drift"

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        return _Together()


class _Together(Predictor):
    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        for task in tasks:
            here = history.places(task.origins)
            velocity = last_velocities(history, task.origins, here).mean(axis=1)
            yield here[:, None] + (velocity[:, None] * task.spans[:, :, None])[:, :, None]
