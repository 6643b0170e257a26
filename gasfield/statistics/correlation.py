"""Estimates from correlated series: effective sample sizes and autocorrelation-corrected errors.

Successive observations of a run are correlated, and the naive error sigma / sqrt(T) of their mean is too small by
sqrt(tau), where tau is the integrated autocorrelation time

    tau = 1 + 2 sum_{k >= 1} rho_k          [observations],

so that T observations are equivalent to T / tau independent ones. (Some authors define tau as half of this; here
independent observations have tau = 1, and AR(1) with coefficient a has (1 + a) / (1 - a): 19 for a = .9.)

A smooth function of several means has an influence series: the derivative with respect to the weight of each
observation. Its error is that of the mean of this series, with the autocorrelation time of this series (Efron and
Tibshirani 1993, chapter 21; Wolff 2004, Computer Physics Communications 156:143).
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft

from gasfield.statistics.estimate import Estimate, missing, stated

Values = NDArray[np.float64]

FEWEST = 8
"""Number of observations below which no correlation time is estimated."""
_AT_ONCE = 1 << 22
"""Number of values that are transformed at once."""
_STARTS = 40
_SCAN = 8192
"""Number of block averages to which a longer series is reduced before its equilibration time is sought."""


def autocorrelation(values: ArrayLike) -> Values:
    """rho (T,) of a series (T,), by FFT; rho_0 = 1. The sums are divided by T, not by T - k, which reduces the noise.

    For (T, n), n independent series of one quantity, it is the mean over the series, about their common mean.
    A constant has rho = 0 except rho_0.
    """
    x = np.asarray(values, np.float64)
    alone = np.zeros(len(x))
    alone[:1] = 1.0
    if not x.size or np.ptp(x) == 0:
        return alone
    size = next_fast_len(2 * len(x), real=True)
    series, power = (x - x.mean()).reshape(len(x), -1), np.zeros(size // 2 + 1)
    several = max(1, _AT_ONCE // size)
    for first in range(0, series.shape[1], several):
        power += np.sum(np.abs(rfft(series[:, first : first + several], size, axis=0)) ** 2, axis=1)
    covariance: Values = irfft(power, size)[: len(x)]
    return np.asarray(covariance / covariance[0], np.float64)


def integrated_time(values: ArrayLike) -> float:
    """tau = 1 + 2 sum rho_k of a series (T,), or of n series of one quantity (T, n) [observations].

    Truncation: in a reversible chain rho_2k + rho_2k+1 is positive and decreases with k, so pair sums are added until
    one is not positive, each capped at its predecessor (the initial monotone sequence of Geyer 1992, Statistical
    Science 7:473). As in Stan and ArviZ tau is at least 1 / log10 T, which bounds the effective sample size of
    anticorrelated series. A constant has tau = 1.
    """
    return _time_and_window(values)[0]


def correlation_time(values: ArrayLike) -> Estimate:
    """tau of a series (T,) with its error tau sqrt((4 W + 2) / T), where W is the last k of the sum (Madras and Sokal
    1988, Journal of Statistical Physics 50:109). Undefined for a constant, and below `FEWEST` observations."""
    x = np.asarray(values, np.float64)
    if len(x) < FEWEST or np.ptp(x) == 0:
        return missing("observations")
    tau, window = _time_and_window(x)
    return stated(tau, tau * np.sqrt((4.0 * window + 2.0) / len(x)), "observations")


def _time_and_window(values: ArrayLike) -> tuple[float, int]:
    rho = autocorrelation(values)
    pairs = rho[: len(rho) // 2 * 2].reshape(-1, 2).sum(axis=1)
    end = int(np.argmax(pairs <= 0)) if np.any(pairs <= 0) else len(pairs)
    tau = 2.0 * float(np.minimum.accumulate(pairs[:end]).sum()) - 1.0 if end else 1.0
    return max(tau, 1.0 / np.log10(max(len(rho), 10))), max(2 * end - 1, 0)


def effective_size(values: ArrayLike) -> float:
    """T / tau: the number of independent observations to which a series (T,) is equivalent.

    T n / tau for n series (T, n); series which stay in different places count as correlated.
    """
    return np.asarray(values).size / integrated_time(values)


def equilibrated_from(values: ArrayLike) -> int:
    """The index from which a series (T,) has equilibrated: that with the largest effective size of the remainder.

    Too early a start makes slow relaxation look like a long correlation, too late a start discards samples (Chodera
    2016, J. Chem. Theory Comput. 12:1799). Candidates are 0 and about forty geometrically spaced indices up to T / 2:
    in a shorter remainder the correlation time can be underestimated by chance, which would bias the selection.
    """
    x = np.asarray(values, np.float64)
    block = -(-len(x) // _SCAN)
    coarse = x[: len(x) // block * block].reshape(-1, block).mean(axis=1) if block > 1 else x
    last = len(coarse) // 2
    if last < FEWEST:
        return 0
    starts = np.unique(np.append(0, np.geomspace(1, last, _STARTS).astype(int)))
    sizes = [effective_size(coarse[start:]) for start in starts]
    return int(starts[int(np.argmax(sizes))]) * block


def correlated(value: float, influence: ArrayLike, unit: str) -> Estimate:
    """A number with the error of the mean of its influence series (T,): sqrt(variance tau / (T - tau)), or of n of them
    (T, n): sqrt(variance tau / (T n - tau)).

    T - tau instead of T corrects the variance for the use of the sample mean. A constant series has error 0; one of
    fewer than `FEWEST` observations has no error.
    """
    x = np.asarray(influence, np.float64)
    if len(x) < FEWEST:
        return stated(value, np.nan, unit)
    if np.ptp(x) == 0:
        return stated(value, 0.0, unit)
    tau = integrated_time(x)
    return stated(value, np.sqrt(x.var() * tau / max(x.size - tau, 1.0)), unit)


def correlated_mean(values: ArrayLike, unit: str) -> Estimate:
    """The mean of a correlated series (T,), or of n series of one quantity (T, n)."""
    x = np.asarray(values, np.float64)
    return correlated(float(x.mean()), x, unit) if len(x) else missing(unit)


def correlated_variance(values: ArrayLike, unit: str) -> Estimate:
    """The variance of the distribution of a correlated series (T,). The mean squared deviation of the sample is too
    small by the fraction tau / T, which is corrected."""
    x = np.asarray(values, np.float64)
    if len(x) < FEWEST:
        return missing(unit)
    squares = np.square(x - x.mean())
    factor = len(x) / max(len(x) - integrated_time(x), 1.0)
    return correlated(factor * float(squares.mean()), factor * squares, unit)


def correlated_ratio(numerator: ArrayLike, denominator: ArrayLike, unit: str) -> Estimate:
    """The ratio R = <a> / <b> of the means of two correlated series (T,) taken together; its influence is
    (a - R b) / <b>. Undefined where <b> is 0."""
    a, b = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    if not len(b) or b.mean() == 0:
        return missing(unit)
    ratio = a.mean() / b.mean()
    return correlated(float(ratio), (a - ratio * b) / b.mean(), unit)


def correlated_rate(times: ArrayLike, sums: ArrayLike, unit: str) -> Estimate:
    """The growth rate of a cumulative quantity (T,): its total increment divided by the elapsed time.

    The variance of the increment over a time t is modelled as a + b t: b from the sum of many independent increments,
    a from a bounded reservoir (the energy of the gas, for the heat that it gives off), whose increments cancel in the
    long run. It is fitted with a, b >= 0 at t = 1/64, 1/32, 1/16 and 1/8 of the series and extrapolated to its full
    length. Batch errors would account for b alone, and would be many times too large where only the reservoir
    contributes; these are less than 2.5 times too large. Below 65 observations there is no error.
    """
    t, q = np.asarray(times, np.float64), np.asarray(sums, np.float64)
    if len(t) < 2 or t[-1] <= t[0]:
        return missing(unit)
    span = t[-1] - t[0]
    rate = (q[-1] - q[0]) / span
    lags = np.unique((len(t) - 1) // np.array([64, 32, 16, 8]))
    if lags[0] < 1:
        return stated(rate, np.nan, unit)
    lapse = np.array([np.mean(t[lag:] - t[:-lag]) for lag in lags])
    wander = np.array([np.mean(np.square(q[lag:] - q[:-lag] - rate * (t[lag:] - t[:-lag]))) for lag in lags])
    wander /= 1.0 - lapse / span  # variance of a bridge: both ends are fixed
    if not wander.all():
        return stated(rate, 0.0 if not wander.any() else np.nan, unit)
    weights = 1.0 / (wander * np.sqrt(lapse))

    (store, walk), _ = scipy.optimize.nnls(np.stack([weights, weights * lapse], axis=1), weights * wander)
    return stated(rate, np.sqrt(store + walk * span) / span, unit)
