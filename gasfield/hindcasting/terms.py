"""Why a simulation departs: which term of the law explains the errors of single updates.

The unrounded result x of the updates from one recorded frame to the next lies inside the interval of numbers that are
stored as the next frame, or outside it by an excess e: by as much, at least, the update itself was wrong. The rest of
the error of the stored weight is rounding, which turns a small excess into a whole cell. Then, each by itself:

* decay, learning rate: the one number in each interval that leaves the least sum of e^2, along dx/d lambda or dx/d eta.
  The fitted numbers show what the training had.
* field: the gradients of the training in place of those of the field, where they are recorded, times one fitted factor
  (gradients that are known at few steps leave their mark on the moments at those only).
* moments: kept in another precision, whichever leaves the least; nothing is fitted.
* rounding by another rule: the training stored the farther of the two neighbours of x as often as stochastic rounding
  does (in proportion to the distance from the nearer one); to the nearest it never does.

Shares are 1 - (sum of e^2 that is left) / (sum of e^2): they overlap and do not add up to 1. A fitted number explains
one in N D of noise. Errors are jackknife errors over up to 32 blocks of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.hindcasting.cells import Neighbours, Preimage
from gasfield.hindcasting.replay import Interval
from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing

Values = NDArray[np.float64]

FIELD, DECAY, RATE, MOMENTS = "field", "decay", "learning_rate", "moments"
_FITTED = (DECAY, RATE)
_BLOCKS = 32
_NEWTON = 30
"""Steps of a minimisation in one variable; it ends as soon as nothing is gained."""
_EDGE, _MIDDLE = 0.05, 0.3
"""Distances from the nearer neighbour, in cells, at which the rule of rounding is looked at: not so small that it is
hardly ever left, not so near to 1/2 that small errors of the update matter."""
_MOSTLY, _ALMOST_ALL = 0.5, 0.95
"""Share of what is left before rounding from which a term is named as the cause, and share of rounding from which it is
where no term is."""


@dataclass(frozen=True)
class Terms:
    """The errors of single updates of one group, and what explains them.

    Attributes:
        intervals: number of intervals between recorded frames.
        local_error: root of the sum of squared errors of all intervals over that of the recorded displacements.
        rounding: share of the squared errors that is rounding to cells (in float32, to a unit in the last place).
        shares: of the rest, explained by each term alone; the field only over intervals with recorded gradients.
        fitted_decay: the decay that fits best, with the least squares as weights.
        fitted_rate: the learning rate that fits best, over that of the law.
        other_rule: how often the farther neighbour was stored, over the expectation of stochastic rounding.
        free_rounding: share of the rest that is explained if either neighbour may be stored.
        field_error: error of the gradient of the field, relative to that of the training, where both are known.
        moment: the moment whose precision was changed in `shares`.
        cell: what is rounded to.
    """

    intervals: int
    local_error: Estimate
    rounding: Estimate
    shares: Mapping[str, Estimate]
    fitted_decay: Estimate
    fitted_rate: Estimate
    other_rule: Estimate
    free_rounding: Estimate
    field_error: Estimate
    moment: str
    cell: str

    @property
    def cause(self) -> str:
        """The term that explains most of the errors, "rounding", "none" without errors, or "not identified"."""
        if not self.local_error.value > 0:
            return "none"
        if self.other_rule.value >= _MOSTLY and self.free_rounding.value >= _MOSTLY:
            return "rounding"
        if not np.isfinite(self._rest):
            return "rounding"
        known = {name: float(share.value) for name, share in self.shares.items() if np.isfinite(share.value)}
        best = max(known, key=lambda name: known[name])
        if known[best] >= _MOSTLY:
            return best
        return "rounding" if self.rounding.value >= _ALMOST_ALL else "not identified"

    @property
    def _rest(self) -> float:
        """NaN if rounding explains everything."""
        shares = [float(share.value) for share in self.shares.values()]
        return max((share for share in shares if np.isfinite(share)), default=float("nan"))

    def quantities(self) -> dict[str, Quantity]:
        """The results by key."""
        named = {
            "local_error": self.local_error,
            "rounding": self.rounding,
            **self.shares,
            "decay.fitted": self.fitted_decay,
            "learning_rate.fitted_over_law": self.fitted_rate,
            "rounding.other_rule": self.other_rule,
            "rounding.either_neighbour": self.free_rounding,
            "field.gradient_error": self.field_error,
        }
        return {"intervals": Quantity(self.intervals, "1")} | {name: each.quantity() for name, each in named.items()}

    def sentence(self) -> str:
        """Why, for a reader."""
        if self.cause == "none":
            return "no single update departs"
        text = (
            f"single updates are wrong by {_text(self.local_error)} of the displacement; {_percent(self.rounding)} of "
        )
        text += f"the square is rounding to {self.cell}"
        known = {name: share for name, share in self.shares.items() if np.isfinite(share.value)}
        if known:
            parts = (f"{name.replace('_', ' ')} {_percent(share)}" for name, share in known.items() if share.value > 0)
            text += f", and of the rest each term alone explains: {', '.join(parts) or 'nothing'}"
        return f"{text}. {self._verdict(known)}"

    def _verdict(self, known: Mapping[str, Estimate]) -> str:
        verdicts = {
            "rounding": f"The cause is rounding: {self._rounding(known)}",
            FIELD: "The cause is the field"
            + (
                f", whose gradient is wrong by {_percent(self.field_error)}"
                if np.isfinite(self.field_error.value)
                else ""
            ),
            DECAY: f"The cause is the decay: {_text(self.fitted_decay)} fits best",
            RATE: f"The cause is the learning rate: {_text(self.fitted_rate)} times that of the law fits best",
            MOMENTS: f"The cause is the moments: another precision fits ({self.moment.replace('_', ' ')})",
        }
        unknown = "No term by itself explains it"
        if FIELD not in known:
            unknown += (
                ": the gradients of the training are not recorded at these steps, so that errors of the field and "
            )
            unknown += "of moments cannot be told apart (full_steps of the recorder keeps them)"
        return verdicts.get(self.cause, unknown)

    def _rounding(self, known: Mapping[str, Estimate]) -> str:
        if self.other_rule.value >= _MOSTLY:
            return (
                f"the training rounded by another rule than to the nearest ({_text(self.other_rule)} of the rate of "
                "stochastic rounding)"
            )
        return f"the updates {'almost ' if known else ''}agree before it"


@dataclass
class _Sums:
    """Sums of squares of one interval."""

    displaced: float
    defect: float
    excess: float
    free: float
    decay: float
    rate: float
    field: float
    field_of: float
    moments: dict[str, float]
    weights: tuple[float, float]
    fits: tuple[float, float]
    lengths: tuple[float, float]
    farther: float
    expected: float


class TermSums:
    """Accumulates the intervals of one group."""

    def __init__(self, rows: slice, precision: str) -> None:
        """For rows of the gas, and the lattice of the recorded weights."""
        self._rows, self._precision = rows, precision
        self._sums: list[_Sums] = []
        self._gradient_errors: list[Values] = []

    def add(self, interval: Interval) -> None:
        """Adds one interval."""
        rows, law = self._rows, interval.law
        stored, x = interval.stored[rows], interval.unrounded[rows]
        real = stored.astype(np.float64)
        defect = interval.predicted[rows] - real
        inside = Preimage.of(stored, self._precision, interval.updates).including(x, defect == 0)
        excess = float(np.sum(inside.excess(x) ** 2))
        decay, rate = (least_excess(inside, x, by[rows]) for by in (interval.by_decay, interval.by_rate))
        field = None if interval.by_field is None else least_excess(inside, x, interval.by_field[rows])
        neighbours = Neighbours.of(x) if self._precision == "bfloat16" else None
        farther, expected = (0.0, 0.0) if neighbours is None else _farther(neighbours, real, interval.before[rows])
        if interval.gradient_error is not None:
            self._gradient_errors.append(interval.gradient_error[rows])
        self._sums.append(
            _Sums(
                displaced=float(np.sum((real - interval.before[rows]) ** 2)),
                defect=float(np.sum(defect**2)),
                excess=excess,
                free=excess if neighbours is None else _beyond(neighbours, real, inside.excess(x)),
                decay=decay.left,
                rate=rate.left,
                field=0.0 if field is None else field.left,
                field_of=0.0 if field is None else excess,
                moments={
                    name: float(np.sum(inside.excess(x + change[rows]) ** 2))
                    for name, change in interval.by_moments.items()
                },
                weights=(decay.curvature, rate.curvature),
                fits=(law.weight_decay + decay.factor, law.learning_rate + rate.factor),
                lengths=(1.0, law.learning_rate),
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
        shares = {
            FIELD: _share([each.field for each in sums], [each.field_of for each in sums]),
            DECAY: _share([each.decay for each in sums], excess),
            RATE: _share([each.rate for each in sums], excess),
        }
        if best:
            shares[MOMENTS] = _share(moments[best], excess)
        squared = _ratio([each.defect for each in sums], [each.displaced for each in sums])
        return Terms(
            intervals=len(sums),
            local_error=_root(squared),
            rounding=_share(excess, [each.defect for each in sums]),
            shares=shares,
            fitted_decay=self._fitted(0),
            fitted_rate=self._fitted(1),
            other_rule=_ratio([each.farther for each in sums], [each.expected for each in sums]),
            free_rounding=_share([each.free for each in sums], excess),
            field_error=self._field_error(),
            moment=best,
            cell="whole cells" if self._precision == "bfloat16" else "a unit in the last place",
        )

    def _field_error(self) -> Estimate:
        """Mean over rows of the mean over steps."""
        if not self._gradient_errors:
            return missing("1")
        own = np.mean(self._gradient_errors, axis=0)
        return mean(own[np.isfinite(own)], "1")

    def _fitted(self, which: int) -> Estimate:
        """sum w l f / sum w l^2 over intervals: of fitted numbers f in units of l, with the weights w of the fits."""
        weights, fits, units = (
            np.array([getattr(each, name)[which] for each in self._sums]) for name in ("weights", "fits", "lengths")
        )
        return _ratio((weights * units * fits).tolist(), (weights * units**2).tolist())


@dataclass(frozen=True)
class Fit:
    """The least sum of squared excesses along a direction.

    Attributes:
        left: that sum.
        factor: of the direction.
        curvature: sum of squares of the direction where there is an excess: the weight of the factor.
    """

    left: float
    factor: float
    curvature: float


def least_excess(inside: Preimage, values: Values, direction: Values) -> Fit:
    """Minimises the sum of squares of the excesses of values + factor x direction; convex, by Newton's method."""
    excess = inside.excess(values)
    left, factor, curvature = float(np.sum(excess**2)), 0.0, 0.0
    for _ in range(_NEWTON):
        own = float(np.sum(direction[excess != 0] ** 2))
        curvature = curvature or own
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
    return Fit(left, factor, curvature)


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


def _ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """sum a / sum b, with jackknife errors over blocks of intervals; undefined where nothing is below."""
    a, b = (np.array([part.sum() for part in _blocks(values)]) for values in (above, below))
    if not b.sum() > 0:
        return missing("1")
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (a.sum() - a) / (b.sum() - b)
    return jackknife(a.sum() / b.sum(), without, "1")


def _share(left: Sequence[float], of: Sequence[float]) -> Estimate:
    """1 - sum left / sum of."""
    ratio = _ratio(left, of)
    pseudo = None if ratio.pseudo is None else 1.0 - ratio.pseudo
    return Estimate(1.0 - ratio.value, ratio.unit, pseudo)


def _root(squared: Estimate) -> Estimate:
    """Square root, with the error to first order."""
    root = np.sqrt(squared.value)
    if squared.pseudo is None or not root > 0:
        return Estimate(root, squared.unit)
    return Estimate(root, squared.unit, root + (squared.pseudo - squared.value) / (2.0 * root))


def _blocks(values: Iterable[float]) -> list[NDArray[Any]]:
    every = np.array([*values], np.float64)
    return np.array_split(every, min(_BLOCKS, max(1, len(every))))


def _percent(share: Estimate) -> str:
    return f"{share.value:.2%}" if abs(share.value) < 0.1 else f"{share.value:.0%}"


def _text(estimate: Estimate) -> str:
    return estimate.quantity().text()
