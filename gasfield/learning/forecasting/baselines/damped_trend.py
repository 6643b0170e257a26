"""Damped trend: the velocity of each row, smoothed over its past, fades geometrically.

Holt's linear trend with Gardner's damping (Gardner and McKenzie, Management Science 31:1237, 1985), without smoothing
of the level, since positions are known without noise. In steps, with damping phi and smoothing s:

    b <- s^m phi^m b + (1 - s^m) c(m) (x_k - x_(k-1)),     c(m) = phi^(m-1) (1 - phi) / (1 - phi^m)
    x(t_o + n) = x_o + b (phi + ... + phi^n) = x_o + b phi (1 - phi^n) / (1 - phi)

where m is the number of steps between frames k - 1 and k, and c(m) turns the displacement over m steps into the last of
them. A motion whose velocity fades by phi every step is forecast exactly for every s, whatever the frames are. Two
numbers are fitted, the same for all rows: they minimise the squared error over the squared displacement, averaged over
the horizons, within the training span. That error is a quadratic form in the products of the increments of the training
frames, which are computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from gasfield.diagnostics.base import spread_over
from gasfield.learning.forecasting.protocol import (
    Forecaster,
    Frames,
    History,
    Predictor,
    Task,
    Unavailable,
    Values,
)
from gasfield.quantity import Quantity
from gasfield.registry import register

_MOST_FRAMES = 300
"""Training frames used by the fit, the last ones."""
_MOST_NUMBERS = 1 << 16
"""Coordinates used by the fit: two numbers need no more."""
_GRID = ((0.0, 0.5, 0.8, 0.9, 0.97), (0.3, 0.7, 0.9, 0.97, 0.99, 0.997, 1.0))
"""Smoothings and dampings a frame at which the fit begins to search."""


@register
class DampedTrend(Forecaster):
    """Motion with a smoothed velocity that fades."""

    kind: Literal["damped_trend"] = "damped_trend"
    damping: float | None = None
    """phi, in (0, 1]; fitted if left out."""
    smoothing: float | None = None
    """s, in [0, 1); fitted if left out."""

    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        if len(past.steps) < 3:
            raise Unavailable(f"{len(past.steps)} training frames have no two successive increments")
        error = _TrainingError.of(past, horizons)
        return _Trend(*error.minimised(self.smoothing, self.damping))

    def simpler(self, past: History, horizons: tuple[int, ...], fitted: Predictor) -> Mapping[str, Predictor]:
        without = {
            "damping": DampedTrend(damping=1.0, smoothing=self.smoothing),
            "smoothing": DampedTrend(damping=self.damping, smoothing=0.0),
        }
        return {term: other.fit(past, horizons) for term, other in without.items()}


@dataclass(frozen=True)
class _Trend(Predictor):
    """With smoothing and damping a step."""

    smoothing: float
    damping: float

    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        elapsed = np.diff(history.steps)
        keep, gain = self.updates(elapsed)
        frame, here = 0, history.places(slice(0, 1))[0]
        trend = np.zeros_like(here)
        for task in tasks:
            origins, trends = [], []
            for origin in task.origins:
                for place in history.places(slice(frame + 1, int(origin) + 1)):
                    trend = keep[frame] * trend + gain[frame] * (place - here)
                    frame, here = frame + 1, place
                origins.append(here)
                trends.append(trend)
            ahead = self.reach(task.spans)
            yield np.array(origins)[:, None] + np.array(trends)[:, None] * ahead[:, :, None, None]

    def updates(self, elapsed: Frames) -> tuple[Values, Values]:
        """Factors of the trend and of the displacement at the end of intervals of some steps (K,); the first
        displacement is the first trend."""
        m, phi = elapsed.astype(np.float64), self.damping
        last = 1.0 / m if phi == 1.0 else phi ** (m - 1) * (1 - phi) / (1 - phi**m)
        keep = (self.smoothing * phi) ** m
        gain = (1 - self.smoothing**m) * last
        if len(m):
            keep[0], gain[0] = 0.0, last[0]
        return keep, gain

    def reach(self, spans: Frames | Values) -> Values:
        """phi + ... + phi^n."""
        n, phi = np.asarray(spans, np.float64), self.damping
        return n if phi == 1.0 else phi * (1 - phi**n) / (1 - phi)

    def quantities(self) -> Mapping[str, Quantity]:
        return {"damping": Quantity(self.damping, "1"), "smoothing": Quantity(self.smoothing, "1")}


@dataclass(frozen=True)
class _TrainingError:
    """The error within the training span as a function of the two numbers.

    Attributes:
        steps: (T,) of the frames used.
        products: (T - 1, T - 1) inner products of the increments.
        horizons: frames ahead.
    """

    steps: Frames
    products: Values
    horizons: tuple[int, ...]

    @classmethod
    def of(cls, past: History, horizons: tuple[int, ...]) -> _TrainingError:
        """For the last training frames; horizons of more than half of them are left out, except the shortest."""
        steps = past.steps[-_MOST_FRAMES:]
        rows = spread_over(past.group.count, max(1, _MOST_NUMBERS // past.group.dimensions))
        places = past.group.places(slice(len(past.steps) - len(steps), None), rows)
        increments = np.diff(places.reshape(len(steps), -1), axis=0)
        used = tuple(h for h in horizons if 2 * h < len(steps)) or (1,)
        return cls(steps, increments @ increments.T, used)

    def minimised(self, smoothing: float | None, damping: float | None) -> tuple[float, float]:
        """(smoothing, damping) a step with the smallest error; those that are given stay."""
        if not np.trace(self.products) > 0:
            return smoothing or 0.0, 1.0 if damping is None else damping
        interval = float(np.median(np.diff(self.steps)))
        given = (smoothing, damping)
        starts = [
            tuple(a if b is None else b for a, b in zip((s ** (1 / interval), p ** (1 / interval)), given, strict=True))
            for s in _GRID[0]
            for p in _GRID[1]
        ]
        best = np.array(min(dict.fromkeys(starts), key=lambda pair: self(*pair)))
        free = np.array([own is None for own in given])
        if not free.any():
            return float(best[0]), float(best[1])

        def error(values: Values) -> float:
            pair = best.copy()
            pair[free] = values
            return self(*pair)

        bounds = np.array([(0.0, 0.999), (1e-6, 1.0)])[free]
        found = minimize(
            error, best[free], method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-7, "fatol": 1e-12}
        )
        best[free] = found.x
        return float(best[0]), float(best[1])

    def __call__(self, smoothing: float, damping: float) -> float:
        """Squared error over squared displacement, averaged over the horizons."""
        trend = _Trend(float(smoothing), float(damping))
        weights = self._weights(trend)
        ratios = []
        cumulated = np.vstack([np.zeros(len(self.products)), np.cumsum(self.products, axis=0)])
        along = np.einsum("kj,kj->k", weights @ self.products, weights)
        for horizon in self.horizons:
            origins = np.arange(len(self.steps) // 3, len(self.steps) - horizon)
            origins = origins[origins > 0]
            reach = trend.reach(self.steps[origins + horizon] - self.steps[origins])
            moved = cumulated[origins + horizon] - cumulated[origins]  # (O, K): displacement . increments
            own = np.array([row[o : o + horizon].sum() for row, o in zip(moved, origins, strict=True)])
            forecast = weights[origins - 1]
            error = own - 2 * reach * np.einsum("ok,ok->o", forecast, moved) + reach**2 * along[origins - 1]
            ratios.append(error.sum() / own.sum() if own.sum() > 0 else 1.0)
        return float(np.mean(ratios))

    def _weights(self, trend: _Trend) -> Values:
        """(K, K) the trend after each increment as a sum of increments."""
        keep, gain = trend.updates(np.diff(self.steps))
        weights = np.zeros_like(self.products)
        for k in range(len(weights)):
            if k:
                weights[k] = keep[k] * weights[k - 1]
            weights[k, k] = gain[k]
        return weights
