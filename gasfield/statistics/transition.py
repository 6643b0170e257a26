"""Where a quantity says that a transition is, with an error from independent runs.

A curve is a quantity at increasing values of a parameter (a temperature, say), from several runs each. Four estimators:

    crossing       Binder cumulants of two sizes are equal at the transition, up to corrections that vanish with size
                   (Binder, Z. Phys. B 43:119, 1981; in a mean field as 1/sqrt(N N')): the zero of their difference
    peak           a susceptibility peaks near it
    curie_weiss    N <m^2> of a mean field is 1/(1 - T_c/T) above it: a straight line through the inverses
    hysteresis     runs that begin in order and in disorder differ where both phases are stable for the length of a run

and `extrapolated` takes places found at several sizes N to infinity along c N^-w. Errors come from resamples of the
means over runs; they are half of the interval that holds the middle 68.3% of the places, since those of few runs have
long tails. What is not significant is no transition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, stdtrit

Values = NDArray[np.float64]

SIGNIFICANT = 4.0
"""Standard errors by which a peak, or a difference of two curves, must stand out; more where the errors themselves come
from few runs, so that chance does it as seldom (Student's t)."""
_RESAMPLES = 300
_FOUND = 0.9
"""Share of the resamples in which a transition must be found, too."""
_DISAGREE = 1e-3
"""Probability below which runs scatter more than the errors within them explain."""
_MANY = 1e9
"""Degrees of freedom of a normal distribution."""
_MIDDLE = 100.0 * ndtr([-1.0, 1.0])
"""Percentiles between which one standard error lies on either side."""
_AROUND = 2
"""Points on either side of the highest that determine a peak."""
_FEWEST_POINTS = 3
"""That show whether a law of one parameter holds."""
_POOR = 3.0
"""Chi squared for each degree of freedom beyond which five points are on no parabola."""


class NoTransition(Exception):  # noqa: N818 (a finding, not a fault)
    """There is none within the range; the text says how that was seen."""


@dataclass(frozen=True)
class Place:
    """Where a transition is, with its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Curve:
    """A quantity over a parameter.

    Attributes:
        x: (n,) values of the parameter, increasing.
        values: (n, runs); NaN where there is no run.
        errors: (n, runs) standard error within each run; NaN where it is unknown.
    """

    x: Values
    values: Values
    errors: Values

    @cached_property
    def mean(self) -> Values:
        """(n,) over the runs."""
        found: Values = np.nanmean(self.values, axis=1)
        return found

    @cached_property
    def error(self) -> Values:
        """(n,) standard error of the mean: the larger of that from the scatter between runs and that from the errors
        within them; where the latter are unknown, at least the median along the curve, since few runs may agree by
        chance."""
        scatter, within = self._scatter(), self._within()
        typical = np.nanmedian(scatter) if np.isfinite(scatter).any() else np.nan
        least = np.where(np.isfinite(within), within, typical)
        found: Values = np.fmax(scatter, least)
        return found

    @cached_property
    def freedom(self) -> Values:
        """(n,) degrees of freedom of the error: infinitely many where those within the runs are known, unless the runs
        scatter more than these explain (chi-squared test), so that the scatter of few runs is all that is known."""
        runs, within = self._runs(), self._within()
        with np.errstate(invalid="ignore", divide="ignore"):
            chi_squared = (runs - 1.0) * (self._scatter() / within) ** 2
        agree = np.isfinite(within) & ~(chdtrc(np.maximum(runs - 1.0, 1.0), np.nan_to_num(chi_squared)) < _DISAGREE)
        found: Values = np.where(agree, np.inf, runs - 1.0)
        return found

    def resampled(self, random: np.random.Generator) -> Values:
        """(n,) means as they may be in truth: where the error is known they have a normal distribution about those
        found, else Student's t with the degrees of freedom of the error, the posterior distribution of a mean whose
        variance is unknown, too (Gelman et al., Bayesian Data Analysis, section 3.2)."""
        freedom = np.clip(self.freedom, 1.0, _MANY)
        found: Values = self.mean + np.nan_to_num(self.error) * random.standard_t(freedom)
        return found

    def _runs(self) -> Values:
        return np.asarray(np.isfinite(self.values).sum(axis=1), np.float64)

    def _scatter(self) -> Values:
        runs = self._runs()
        away = np.nansum((self.values - self.mean[:, None]) ** 2, axis=1)
        found: Values = np.sqrt(away / np.maximum(runs - 1, 1) / runs)
        return np.asarray(np.where(runs > 1, found, np.nan))

    def _within(self) -> Values:
        squares = np.where(np.isfinite(self.values), self.errors, 0.0) ** 2
        found: Values = np.sqrt(squares.sum(axis=1)) / self._runs()
        return found


def crossing(small: Curve, large: Curve) -> Place:
    """Where curves of a small and a large system cross: the large one is above on one side, below on the other.

    Raises:
        NoTransition: if one of these differences is not significant, the zero between them is not determined, or the
            error of a point between them is unknown.
    """
    x, one, other = np.intersect1d(small.x, large.x, return_indices=True)
    if len(x) < 2:
        raise NoTransition("the two sizes have fewer than two points in common")

    apart = large.mean[other] - small.mean[one]
    error = np.hypot(small.error[one], large.error[other])
    least = error * _standard_errors(small.freedom[one] + large.freedom[other])
    above = np.where(apart > least, apart, -np.inf)
    below = np.where(-apart > least, -apart, -np.inf)
    if not (np.isfinite(above).any() and np.isfinite(below).any()):
        raise NoTransition("the curves of two sizes do not cross significantly")
    first, last = sorted((int(np.argmax(above)), int(np.argmax(below))))
    near = slice(first, last + 1)
    _require_errors(x[near], error[near])
    rough = float(np.interp(0.0, *_increasing(apart[[first, last]], x[[first, last]])))

    def zero(means: Sequence[Values]) -> float:
        return _root(x[near], (means[1][other] - means[0][one])[near], error[near], rough)

    return _with_error(zero, (small, large))


def peak(curve: Curve) -> Place:
    """Where a curve is highest: the vertex of a parabola through five points about the highest one, or through three
    where five do not lie on a parabola, and between the neighbours of the highest one.

    Raises:
        NoTransition: if it is at an end of the range, does not stand out from both ends, or the error of a point about
            it is unknown.
    """
    top = int(np.argmax(curve.mean))
    if top in (0, len(curve.x) - 1):
        raise NoTransition("the highest value is at an end of the range")
    for end in (0, -1):
        height = curve.mean[top] - curve.mean[end]
        least = _standard_errors(curve.freedom[top] + curve.freedom[end])
        if not height > least * np.hypot(curve.error[top], curve.error[end]):
            raise NoTransition("no peak stands out from both ends of the range")
    near = slice(max(top - _AROUND, 0), top + _AROUND + 1)
    _require_errors(curve.x[near], curve.error[near])
    if _misfit(curve.x[near], curve.mean[near], curve.error[near]) > _POOR:
        near = slice(top - 1, top + 2)

    def vertex(means: Sequence[Values]) -> float:
        return _vertex(curve.x[near], means[0][near], curve.error[near], (curve.x[top - 1], curve.x[top + 1]))

    return _with_error(vertex, (curve,))


def curie_weiss(curve: Curve) -> Place:
    """T_c of N <m^2> = 1/(1 - T_c/T), from a curve of it over T > T_c; it is 1 for independent particles.

    Raises:
        NoTransition: if it is nowhere significantly above 1, does not follow that law, or has fewer than three points
            or one whose error is unknown.
    """
    if len(curve.x) < _FEWEST_POINTS:
        raise NoTransition("the law of Curie and Weiss needs three points to be seen")
    if not np.all((curve.mean > 0.0) & (curve.x > 0.0)):
        raise NoTransition("the law of Curie and Weiss needs positive numbers")
    if not np.any(curve.mean - 1.0 > _standard_errors(curve.freedom) * curve.error):
        raise NoTransition("fluctuations are nowhere significantly above those of independent particles")
    _require_errors(curve.x, curve.error)
    inverse, weight = 1.0 / curve.x, (curve.mean**2 / curve.error) ** 2

    def line(means: Sequence[Values]) -> float:
        left = 1.0 - 1.0 / means[0]
        return float(np.sum(weight * inverse * left) / np.sum(weight * inverse**2))

    found = _with_error(line, (curve,))
    chi_squared = float(np.sum(weight * (1.0 - 1.0 / curve.mean - found.value * inverse) ** 2))
    freedom = len(curve.x) - 1
    if chi_squared > freedom + SIGNIFICANT * np.sqrt(2.0 * freedom):
        raise NoTransition(f"the law of Curie and Weiss does not fit: chi squared {chi_squared:.3g} for {freedom}")
    return found


@dataclass(frozen=True)
class Hysteresis:
    """Two branches of runs that begin differently.

    Attributes:
        place: the middle of the range in which they differ, half a step beyond it included; the error is that of a
            transition anywhere in it, its width over sqrt(12).
        lowest, highest: first and last parameter at which they differ.
        step: distance to the next point that was run, on either side at most: each end is known to that.
        gap: largest difference of the branches.
    """

    place: Place
    lowest: float
    highest: float
    step: float
    gap: Place


def hysteresis(one: Curve, other: Curve) -> Hysteresis:
    """Where two branches differ significantly, at neighbouring points.

    Raises:
        NoTransition: if they differ nowhere, or at an end of the range or beside a point whose error is unknown, so
            that it has no bounds.
    """
    x, first, second = np.intersect1d(one.x, other.x, return_indices=True)
    if len(x) < 3:
        raise NoTransition("the two branches have fewer than three points in common")
    apart = np.abs(one.mean[first] - other.mean[second])
    error = np.hypot(one.error[first], other.error[second])
    differ = np.flatnonzero(apart > error * _standard_errors(one.freedom[first] + other.freedom[second]))
    if not differ.size:
        raise NoTransition("both branches agree everywhere: no hysteresis")
    most = int(differ[np.argmax(apart[differ])])
    low, high = _run_about(most, set(differ.tolist()))
    if low == 0 or high == len(x) - 1:
        raise NoTransition("the branches differ up to an end of the range: extend it")
    if not np.isfinite(error[[low - 1, high + 1]]).all():
        raise NoTransition("the error beside the range in which the branches differ is unknown: run more seeds")
    step = float(max(x[low] - x[low - 1], x[high + 1] - x[high]))
    width = float(x[high] - x[low]) + step
    middle = Place(0.5 * float(x[low] + x[high]), width / np.sqrt(12.0))
    return Hysteresis(middle, float(x[low]), float(x[high]), step, Place(float(apart[most]), float(error[most])))


@dataclass(frozen=True)
class Limit:
    """A place in an infinite system.

    Attributes:
        place: there.
        chi_squared: of the fit over sizes.
        freedom: its degrees of freedom; 0 for two sizes, and one size is returned as it is.
    """

    place: Place
    chi_squared: float
    freedom: int


def extrapolated(sizes: Sequence[float], places: Sequence[Place], exponent: float) -> Limit:
    """The place at infinite size of x(N) = x_c + c N^-exponent, by weighted least squares.

    Args:
        sizes: N > 0, all different.
        places: at each of them, with errors above 0.
        exponent: above 0.
    """
    if len(sizes) == 1:
        return Limit(places[0], 0.0, 0)
    found, weight = np.array([place.value for place in places]), np.array([place.error for place in places]) ** -2.0
    design = np.stack([np.ones(len(sizes)), np.asarray(sizes, float) ** -exponent], axis=1)
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
    best = covariance @ design.T @ (weight * found)
    left = found - design @ best
    return Limit(Place(float(best[0]), float(covariance[0, 0] ** 0.5)), float(np.sum(weight * left**2)), len(sizes) - 2)


def _standard_errors(freedom: Values | float) -> Values:
    """Of Student's t with so many degrees of freedom, those that chance exceeds as seldom as `SIGNIFICANT` of a normal
    distribution; infinite without any."""
    given = np.asarray(freedom, float)
    beyond = -stdtrit(np.clip(given, 1.0, _MANY), ndtr(-SIGNIFICANT))
    return np.where(given > 0.0, beyond, np.inf)


def _require_errors(x: Values, error: Values) -> None:
    """Refuses points that no fit can weigh.

    Raises:
        NoTransition: if one has no error, or one of 0.
    """
    bad = x[~(np.isfinite(error) & (error > 0.0))]
    if bad.size:
        places = ", ".join(f"{place:g}" for place in bad[:5])
        raise NoTransition(f"the error is unknown, or 0, at {places}: run more seeds, or for longer")


def _with_error(estimate: Callable[[Sequence[Values]], float], curves: Sequence[Curve]) -> Place:
    """An estimate from means with its error over resamples; they are the same in every call.

    Raises:
        NoTransition: if it fails, or fails for more than a tenth of the resamples.
    """
    value, random = estimate([curve.mean for curve in curves]), np.random.default_rng(0)
    found = []
    for _ in range(_RESAMPLES):
        with suppress(NoTransition):
            found.append(estimate([curve.resampled(random) for curve in curves]))
    if len(found) < _FOUND * _RESAMPLES:
        raise NoTransition(f"it is found in {len(found) / _RESAMPLES:.0%} of the resamples only")
    low, high = np.percentile(found, _MIDDLE)
    return Place(value, 0.5 * float(high - low))


def _root(x: Values, y: Values, error: Values, rough: float) -> float:
    """The zero nearest to a rough one of a polynomial through points of different signs at both ends."""
    middle, half = 0.5 * (x[0] + x[-1]), 0.5 * (x[-1] - x[0])
    fitted = np.polynomial.Polynomial.fit(x, y, min(3, len(x) // 2), w=1.0 / error)
    zeros = fitted.roots()
    real = np.real(zeros[np.abs(np.imag(zeros)) < 1e-9 * half])
    inside = real[np.abs(real - middle) <= half]
    if not inside.size:
        raise NoTransition("the difference of two sizes has no zero between its extremes")
    return float(inside[np.argmin(np.abs(inside - rough))])


def _misfit(x: Values, y: Values, error: Values) -> float:
    """Chi squared of a parabola for each degree of freedom; 0 if there is none."""
    fitted = np.polynomial.Polynomial.fit(x, y, 2, w=1.0 / error)
    return float(np.sum(((y - fitted(x)) / error) ** 2)) / (len(x) - 3) if len(x) > 3 else 0.0


def _vertex(x: Values, y: Values, error: Values, between: tuple[float, float]) -> float:
    fitted = np.polynomial.Polynomial.fit(x, y, 2, w=1.0 / error)
    curvature = fitted.deriv(2)(x[0])
    place = float(fitted.deriv().roots()[0].real) if curvature < 0.0 else np.nan
    if not between[0] <= place <= between[1]:
        raise NoTransition("the values about the highest one do not curve down to both sides")
    return place


def _increasing(x: Values, y: Values) -> tuple[Values, Values]:
    order = np.argsort(x)
    return x[order], y[order]


def _run_about(place: int, members: set[int]) -> tuple[int, int]:
    """The first and last of the successive members about one of them."""
    low = high = place
    while low - 1 in members:
        low -= 1
    while high + 1 in members:
        high += 1
    return low, high
