"""Sums of squared errors of single updates over intervals and rows, from which shares of terms are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.hindcasting.cells import Neighbours, Preimage
from gasfield.hindcasting.replay import Interval
from gasfield.hindcasting.terms import DECAY, FIELD, MOMENTS, RATE, Share, Terms
from gasfield.statistics.estimate import Estimate, jackknife, mean, median, missing

Values = NDArray[np.float64]
Numbers = Sequence[float] | Values

_BLOCKS = 32
_MOST_MEDIANS = 3.0
_NEWTON = 30
"""Steps of a minimisation in one variable; it ends as soon as nothing is gained."""
_EDGE, _MIDDLE = 0.05, 0.3
"""Distances from the nearer neighbour, in cells, at which the rule of rounding is looked at: not so small that it is
hardly ever left, not so near to 1/2 that small errors of the update matter."""


@dataclass(frozen=True)
class Fit:
    """The least sum of squared excesses along a direction.

    Attributes:
        left: that sum.
        factor: of the direction.
        curvature: sum of squares of the direction where there is an excess: the weight of the factor.
        chance: what a direction with the same sizes and random signs takes from the sum on the average.
    """

    left: float
    factor: float
    curvature: float
    chance: float


def least_excess(inside: Preimage, values: Values, direction: Values) -> Fit:
    """Minimises the sum of squares of the excesses of values + factor x direction; convex, by Newton's method."""
    excess = inside.excess(values)
    left, factor = float(np.sum(excess**2)), 0.0
    curvature = float(np.sum(direction[excess != 0] ** 2))
    chance = float(np.sum((direction * excess) ** 2)) / curvature if curvature else 0.0
    for _ in range(_NEWTON):
        own = float(np.sum(direction[excess != 0] ** 2))
        if left == 0.0 or own == 0.0:
            break
        step = -float(np.sum(excess * direction)) / own
        for _ in range(8):
            trial = inside.excess(values + (factor + step) * direction)
            if (now := float(np.sum(trial**2))) < left:
                break
            step *= 0.5
        if not now < left:
            break
        gained, factor, excess, left = 1.0 - now / left, factor + step, trial, now
        if gained < 1e-9:
            break
    return Fit(left, factor, curvature, chance)


@dataclass
class _Sums:
    """Sums of squares of one interval."""

    displaced: float
    defect: float
    excess: float
    free: float
    decay: Fit
    rate: Fit
    field: Fit | None
    moments: dict[str, float]
    fits: tuple[float, float]
    units: tuple[float, float]
    farther: float
    expected: float


class TermSums:
    """Accumulates the intervals of one group."""

    def __init__(self, rows: slice, precision: str) -> None:
        """For rows of the gas, and the lattice of the recorded weights."""
        self._rows, self._precision = rows, precision
        self._sums: list[_Sums] = []
        self._gradient_errors: list[Values] = []
        self._at_random = False

    def add(self, interval: Interval) -> None:
        """Adds one interval."""
        rows, law = self._rows, interval.law
        stored, x = interval.stored[rows], interval.unrounded[rows]
        real = stored.astype(np.float64)
        defect = interval.predicted[rows] - real
        self._at_random = getattr(law, "weight_rounding", "nearest") == "stochastic"
        inside = Preimage.of(stored, self._precision, interval.updates, at_random=self._at_random)
        inside = inside.including(x, defect == 0)
        excess = float(np.sum(inside.excess(x) ** 2))
        decay, rate = (least_excess(inside, x, by[rows]) for by in (interval.by_decay, interval.by_rate))
        neighbours = Neighbours.of(x, self._precision) if self._precision != "float32" else None
        farther, expected = (0.0, 0.0) if neighbours is None else _farther(neighbours, real, interval.before[rows])
        if interval.gradient_error is not None:
            self._gradient_errors.append(interval.gradient_error[rows])
        self._sums.append(
            _Sums(
                displaced=float(np.sum((real - interval.origin[rows]) ** 2)),
                defect=float(np.sum(defect**2)),
                excess=excess,
                free=excess if neighbours is None else _beyond(neighbours, real, inside.excess(x)),
                decay=decay,
                rate=rate,
                field=None if interval.by_field is None else least_excess(inside, x, interval.by_field[rows]),
                moments={
                    name: float(np.sum(inside.excess(x + change[rows]) ** 2))
                    for name, change in interval.by_moments.items()
                },
                fits=(law.weight_decay + decay.factor, law.learning_rate + rate.factor),
                units=(1.0, law.learning_rate),
                farther=farther,
                expected=expected,
            )
        )

    def terms(self) -> Terms:
        """The results."""
        sums = self._sums
        excess = [each.excess for each in sums]
        moments = {name: [each.moments[name] for each in sums] for name in (sums[0].moments if sums else ())}
        best = min(moments, key=lambda name: sum(moments[name]), default="")
        known = [(each.field, each.excess) for each in sums if each.field is not None]
        shares = {
            FIELD: _fitted_share([fit for fit, _ in known], [of for _, of in known]),
            DECAY: _fitted_share([each.decay for each in sums], excess),
            RATE: _fitted_share([each.rate for each in sums], excess),
        }
        if best:
            shares[MOMENTS] = Share(_share(moments[best], excess))
        defect, displaced = (np.array([getattr(each, name) for each in sums]) for name in ("defect", "displaced"))
        return Terms(
            intervals=len(sums),
            local_error=median(np.sqrt(defect[displaced > 0] / displaced[displaced > 0]), "1"),
            total_error=_root(_ratio(defect, displaced)),
            rounding=_share(excess, defect),
            shares=shares,
            fitted_decay=self._fitted(0, [each.decay for each in sums]),
            fitted_rate=self._fitted(1, [each.rate for each in sums]),
            other_rule=_ratio([each.farther for each in sums], [each.expected for each in sums]),
            free_rounding=_share([each.free for each in sums], excess),
            field_error=self._field_error(),
            moment=best,
            cell="a unit in the last place" if self._precision == "float32" else "whole cells",
            at_random=self._at_random,
        )

    def _field_error(self) -> Estimate:
        """Mean over rows of the mean over steps."""
        if not self._gradient_errors:
            return missing("1")
        own = np.mean(self._gradient_errors, axis=0)
        return mean(own[np.isfinite(own)], "1")

    def _fitted(self, which: int, fits: Sequence[Fit]) -> Estimate:
        """sum w u f / sum w u^2 over intervals: of fitted numbers f in units of u, with the weights w of the fits."""
        numbers, units = (np.array([getattr(each, name)[which] for each in self._sums]) for name in ("fits", "units"))
        weights = np.array([fit.curvature for fit in fits])
        return _ratio(weights * units * numbers, weights * units**2)


def _farther(neighbours: Neighbours, stored: Values, before: NDArray[np.float32]) -> tuple[float, float]:
    """How often the farther neighbour was stored, and how often stochastic rounding would store it, among updates of
    less than a cell that end at a distance from both neighbours."""
    nearer = np.minimum(neighbours.fraction, 1.0 - neighbours.fraction)
    far = np.where(neighbours.fraction > 0.5, neighbours.low, neighbours.high)
    near = np.where(neighbours.fraction > 0.5, neighbours.high, neighbours.low)
    looked_at = (nearer > _EDGE) & (nearer < _MIDDLE) & ((before == near) | (before == far))
    return float(np.sum(looked_at & (stored == far))), float(np.sum(nearer[looked_at]))


def _beyond(neighbours: Neighbours, stored: Values, excess: Values) -> float:
    """Sum of squared excesses where neither neighbour was stored."""
    return float(np.sum(excess[(stored != neighbours.low) & (stored != neighbours.high)] ** 2))


# --- ratios of sums over intervals -----------------------------------------------------------------------------------


def _ratio(above: Numbers, below: Numbers) -> Estimate:
    """sum a / sum b, with jackknife errors over blocks of intervals; undefined where nothing is below."""
    a, b = (np.array([part.sum() for part in _blocks(values)]) for values in (above, below))
    if not b.sum() > 0:
        return missing("1")
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (a.sum() - a) / (b.sum() - b)
    return jackknife(a.sum() / b.sum(), without, "1")


def _weights(of: Numbers) -> Values:
    """Weights by which no interval counts more than three times the median of those that count."""
    of = np.asarray(of, np.float64)
    most = _MOST_MEDIANS * np.median(of[of > 0]) if np.any(of > 0) else 1.0
    return np.asarray(most / np.maximum(of, most))


def _fitted_share(fits: Sequence[Fit], of: Numbers) -> Share:
    """The share that fits explain, and would explain by chance."""
    weights = _weights(of)
    chance = _ratio(weights * np.array([fit.chance for fit in fits]), weights * np.asarray(of))
    return Share(_share([fit.left for fit in fits], of), float(np.nan_to_num(chance.value)))


def _share(left: Numbers, of: Numbers) -> Estimate:
    """1 - sum left / sum of, both with `_weights`."""
    weights = _weights(of)
    ratio = _ratio(weights * np.asarray(left), weights * np.asarray(of))
    pseudo = None if ratio.pseudo is None else 1.0 - ratio.pseudo
    return Estimate(1.0 - ratio.value, ratio.unit, pseudo)


def _root(squared: Estimate) -> Estimate:
    """Square root, with the error to first order."""
    root = np.sqrt(squared.value)
    if squared.pseudo is None or not root > 0:
        return Estimate(root, squared.unit)
    return Estimate(root, squared.unit, root + (squared.pseudo - squared.value) / (2.0 * root))


def _blocks(values: Numbers) -> list[NDArray[Any]]:
    every = np.asarray(values, np.float64)
    return np.array_split(every, min(_BLOCKS, max(1, len(every))))
