"""Estimates with standard errors over rows, and differences of estimates made from the same rows.

An error here is the sampling error: the standard deviation over repeated draws of as many rows. Every estimate stores
one pseudo-value per row, whose mean has the variance of the estimate: the row values for a mean, Tukey's jackknife
pseudo-values N theta - (N - 1) theta_(-i) for a smooth function (Efron and Tibshirani 1993, chapter 11), Bahadur's
influence for a quantile. Two estimates from the same rows, real and simulated, are strongly correlated; subtracting
their pseudo-values row by row gives the error of the difference including that correlation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.quantity import Quantity

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """One or several numbers estimated from N rows.

    Attributes:
        value: () or (k,); NaN where undefined.
        unit: as in `Quantity`.
        pseudo: (N,) or (N, k) pseudo-values, or None if the error is unknown.
        floor: the smallest error that N rows can resolve.
        stated: an error of the shape of `value` from another source, for samples that are not rows (a correlated time
            series, for example). It takes precedence over the pseudo-values.
        positive: whether the true number cannot be negative; see `Quantity`.
    """

    value: Values
    unit: str
    pseudo: Values | None = None
    floor: float = 0.0
    stated: Values | None = None
    positive: bool = False

    @property
    def error(self) -> Values | None:
        """One standard error of the shape of `value`; None if unknown, as for fewer than two rows."""
        if not np.isfinite(self.value).all():
            return None
        if self.stated is not None:
            return self.stated if np.isfinite(self.stated).all() else None
        if self.pseudo is None or len(self.pseudo) < 2:
            return None
        spread: Values = np.std(self.pseudo, axis=0, ddof=1)
        error: Values = np.maximum(spread / np.sqrt(len(self.pseudo)), self.floor)
        return error

    def quantity(self) -> Quantity:
        """The estimate as a `Quantity`."""
        value = self.value.tolist() if np.isfinite(self.value).all() else None
        error = self.error
        return Quantity(value, self.unit, None if error is None else error.tolist(), self.positive)

    def __sub__(self, other: Estimate) -> Estimate:
        """The difference, with a paired error if both have pseudo-values of the same shape.

        Stated errors are treated as independent and add in quadrature.
        """
        if self.value.shape != other.value.shape:
            return missing(self.unit)
        if self.stated is not None and other.stated is not None:
            return stated(self.value - other.value, np.hypot(self.stated, other.stated), self.unit)
        pseudo = None
        if self.pseudo is not None and other.pseudo is not None and self.pseudo.shape == other.pseudo.shape:
            pseudo = self.pseudo - other.pseudo
        return Estimate(self.value - other.value, self.unit, pseudo, max(self.floor, other.floor))


def missing(unit: str) -> Estimate:
    """An undefined estimate; an accompanying note gives the reason."""
    return Estimate(np.array(np.nan), unit)


def exact(value: float, unit: str) -> Estimate:
    """A number without sampling error."""
    return Estimate(np.array(float(value)), unit)


def stated(value: ArrayLike, error: ArrayLike, unit: str) -> Estimate:
    """One or several numbers with a given standard error; NaN where it is unknown."""
    return Estimate(np.asarray(value, np.float64), unit, stated=np.asarray(error, np.float64))


def mean(values: ArrayLike, unit: str) -> Estimate:
    """The mean of row values (N,)."""
    values = np.asarray(values, np.float64)
    return Estimate(np.array(values.mean()), unit, values) if len(values) else missing(unit)


def share(flags: ArrayLike) -> Estimate:
    """The share of true flags: (N,), or (N, n) with n trials for each row.

    Rows are the independent draws, so the error is that of the mean of the shares of the rows: for (N,) the binomial
    sqrt(p(1-p)/N) (with N - 1). It vanishes if none or all flags are true, although n N trials cannot distinguish
    p = 0 from p ~ 1/(n N). The floor 1/(2(n N + 1)) is the half width of Wilson's interval of one standard error there.
    """
    trials = np.asarray(flags, np.float64)
    if not trials.size:
        return missing("1")
    own = trials.reshape(len(trials), -1).mean(axis=1)
    return Estimate(np.array(own.mean()), "1", own, floor=share_floor(trials.size))


def share_floor(count: int) -> float:
    """Wilson's half width (one standard error) for a share of 0 or 1 of `count` trials."""
    return 0.5 / (count + 1)


def share_error(shares: Values, count: int) -> Values:
    """Binomial errors (T,) of a curve of shares, at least `share_floor(count)`."""
    return np.maximum(np.sqrt(shares * (1.0 - shares) / max(count, 1)), share_floor(count))


def quantile(values: ArrayLike, probability: float, unit: str) -> Estimate:
    """A quantile of row values (N,), with a distribution-free error.

    The jackknife fails for quantiles. The ranks N p -+ sqrt(N p (1 - p)) bracket the quantile by one standard error, so
    half the difference of the values there is its error h. Bahadur's representation distributes h over the rows on the
    two sides of the quantile, as pseudo-values whose standard error is h. In the difference of two quantiles of the
    same rows the noise of the two h remains and makes its error about ten per cent too large.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    count = len(ordered)
    if not count:
        return missing(unit)
    value = np.quantile(ordered, probability)
    spread = np.sqrt(count * probability * (1 - probability))
    ranks = np.clip([count * probability - spread - 0.5, count * probability + spread - 0.5], 0, count - 1)
    low, high = np.interp(ranks, np.arange(count), ordered)
    above = np.asarray(values, np.float64) > value
    side = above - above.mean()
    scale = np.std(side, ddof=1) if count > 1 else 0.0
    pseudo = value + side * (0.5 * (high - low) * np.sqrt(count) / scale if scale > 0 else 0.0)
    return Estimate(np.array(value), unit, pseudo, floor=0.0 if scale > 0 else 0.5 * (high - low))


def median(values: ArrayLike, unit: str) -> Estimate:
    """The median of row values (N,); see `quantile`."""
    return quantile(values, 0.5, unit)


def jackknife(value: ArrayLike, without: ArrayLike, unit: str) -> Estimate:
    """A smooth function of the rows: its value () or (k,), and its leave-one-out values (N,) or (N, k)."""
    value, without = np.asarray(value, np.float64), np.asarray(without, np.float64)
    count = len(without)
    if count < 2 or not np.isfinite(without).all():
        return Estimate(value, unit)
    return Estimate(value, unit, count * value - (count - 1) * without)
