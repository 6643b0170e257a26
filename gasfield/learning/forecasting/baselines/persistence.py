"""Persistence: every row stays where it is at the origin. Skill is measured against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from gasfield.learning.forecasting.protocol import Forecaster, History, Predictor, Task, Values
from gasfield.registry import register


@register
class Persistence(Forecaster):
    """No motion."""

    kind: Literal["persistence"] = "persistence"

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        return _Stay()


class _Stay(Predictor):
    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        for task in tasks:
            yield np.repeat(history.places(task.origins)[:, None], task.targets.shape[1], axis=1)
