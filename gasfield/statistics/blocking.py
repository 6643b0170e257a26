"""Errors of time-correlated samples: the sample is divided into nearly independent blocks.

N particles over T frames are N histories. Frames of one history are correlated; histories of different particles are
not, or only weakly. A part (block) is therefore a whole history if there are enough particles, and a segment of one
otherwise. The scatter of the parts about their mean gives errors that include all correlations in time within a part,
however slow, without a model of the correlation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gasfield.statistics.estimate import Estimate

Values = NDArray[np.float64]

_ENOUGH = 64
"""Number of parts from which an error is accurate to about ten per cent."""
_MOST = 4096
_RUNGS = 64
"""Grid points at which the scatter of a cumulative distribution is measured."""
_ALIKE = 0.25
"""Correlation of successive segments above which errors are strongly underestimated."""


def independent_parts(values: Values) -> tuple[Values, str | None]:
    """Divides (T, N) values into parts (U, n): whole histories; segments of them if N < 64, several if N > 4096.

    Surplus frames (the first) and particles (the last) that do not fill a part are omitted.

    Returns:
        The parts, and a warning if successive segments are so correlated that errors from them would be too small.
    """
    count = max(values.shape[1], 1)
    stretches = min(-(-_ENOUGH // count), len(values))
    length, together = len(values) // stretches, -(-count // _MOST)
    histories = values[len(values) - stretches * length :, : count // together * together]
    cut = histories.reshape(stretches, length, -1, together).transpose(2, 0, 1, 3)  # (N / together, stretches, ...)
    alike = _correlation(cut.mean(axis=(2, 3)))
    warning = None
    if alike > _ALIKE:
        warning = (
            f"successive segments of {length} frames are correlated ({alike:.2f}): the run is too short for its errors"
        )
    return np.ascontiguousarray(cut.reshape(-1, length * together)), warning


def _correlation(means: Values) -> float:
    """Correlation of successive means (n, B) of the same particle; 0 with fewer than 8 segments."""
    if means.shape[1] < 8:
        return 0.0
    away = means - means.mean()
    variance = float(np.mean(away**2))
    return float(np.mean(away[:, 1:] * away[:, :-1])) / variance if variance > 0 else 0.0


def shares_of_parts(parts: Values, edges: Values) -> Values:
    """(U, k): the share of each part (U, n) in each of k bins; values beyond the edges count in the outer bins."""
    bins = len(edges) - 1
    place = np.clip(np.searchsorted(edges, parts, side="right") - 1, 0, bins - 1)
    place += bins * np.arange(len(parts))[:, None]
    counts = np.bincount(place.ravel(), minlength=bins * len(parts)).reshape(len(parts), bins)
    return np.asarray(counts / parts.shape[1], np.float64)


def merged(shares: Values, law: Values, least: float) -> tuple[Values, Values]:
    """Merges neighbouring bins until each has probability >= `least`: shares (U, k), law (k,) -> (U, m), (m,)."""
    starts, mass = [0], 0.0
    for place, own in enumerate(law):
        mass += own
        if mass >= least and place + 1 < len(law) and law[place + 1 :].sum() >= least:
            starts.append(place + 1)
            mass = 0.0
    return np.add.reduceat(shares, starts, axis=1), np.add.reduceat(law, starts)


@dataclass(frozen=True)
class Agreement:
    """Agreement of the shares of parts in k bins with a distribution.

    Attributes:
        chi_squared: Pearson's statistic per degree of freedom of correlated counts; 1 in expectation under the
            distribution.
        p_value: probability of a statistic at least as large under the distribution.
        effective_size: number of independent draws with the same scatter.
        distance: total variation distance, half the sum of |share - law|: the share of the sample in the wrong bin.
        expected_distance: its expectation from scatter alone.
    """

    chi_squared: Estimate
    p_value: float
    effective_size: float
    distance: Estimate
    expected_distance: float


def agreement(shares: Values, law: Values) -> Agreement:
    """Compares the shares (U, k) of independent parts with positive probabilities (k,).

    Pearson's X^2 = sum (p - q)^2/q of correlated counts is divided by its expectation under the law, the sum of
    var(p)/q, and referred to an F distribution whose degrees of freedom come from the first two moments of the
    covariance of the parts (Rao and Scott, Annals of Statistics 12:46, 1984; Thomas and Rao, JASA 82:630, 1987). The
    bias of the second moment is removed (Bai and Saranadasa, Statistica Sinica 6:311, 1996). Errors are linear in the
    parts; that of chi squared is up to sqrt(2) too large under the law.
    """
    parts, away = len(shares), shares.mean(axis=0) - law
    scaled = (shares - shares.mean(axis=0)) / np.sqrt(law)
    covariance = scaled.T @ scaled / max(parts - 1, 1) / parts
    trace = float(np.trace(covariance))
    if parts < 4 or trace <= 0.0:
        nothing = Estimate(np.array(np.nan), "1")
        return Agreement(nothing, np.nan, np.nan, Estimate(np.array(0.5 * np.abs(away).sum()), "1"), np.nan)
    square = float(np.sum(covariance**2)) - trace**2 / (parts - 1)
    square *= (parts - 1) ** 2 / ((parts - 2) * (parts + 1))
    freedom = float(np.clip(trace**2 / max(square, 1e-300), 1.0, len(law) - 1))
    ratio = float(np.sum(away**2 / law)) / trace
    pull = 2.0 * (shares - shares.mean(axis=0)) @ (away / law) / trace
    distances = 0.5 * (shares - law) @ np.sign(away)
    errors = np.sqrt(np.diag(covariance) * law)
    return Agreement(
        chi_squared=Estimate(np.array(ratio), "1", ratio + pull),
        p_value=float(special.fdtrc(freedom, freedom * (parts - 1), ratio)),
        effective_size=(len(law) - 1) / trace,
        distance=Estimate(np.array(0.5 * np.abs(away).sum()), "1", distances),
        expected_distance=float(np.sqrt(0.5 / np.pi) * errors.sum()),
    )


@dataclass(frozen=True)
class Kolmogorov:
    """The Kolmogorov-Smirnov test of correlated draws.

    Attributes:
        distance: largest difference of the two cumulative distributions.
        p_value: probability of a distance at least as large under the law.
        effective_size: number of independent draws whose cumulative distribution has the same scatter.
    """

    distance: Estimate
    p_value: float
    effective_size: float


def kolmogorov(parts: Values, law: Callable[[Values], Values]) -> Kolmogorov:
    """Tests independent parts (U, n) against a cumulative distribution.

    The p-value is that of `effective_size` independent draws (Stephens, Journal of the Royal Statistical Society B
    32:115, 1970), the size at which the variance of the cumulative distribution, summed over all draws, equals that
    observed among the parts. The error of the distance is that of the empirical distribution at the point of the
    largest difference.
    """
    ordered = np.sort(parts, axis=None)
    expected, count = law(ordered), ordered.size
    above, below = np.arange(1, count + 1) / count - expected, expected - np.arange(count) / count
    upward = above.max() >= below.max()
    place = int(np.argmax(above if upward else below))
    distance = float((above if upward else below)[place])
    reached = parts <= ordered[place] if upward else parts < ordered[place]
    pseudo = (1.0 if upward else -1.0) * (reached.mean(axis=1) - expected[place])
    estimate = Estimate(np.array(distance), "1", pseudo)
    grid = np.unique(ordered[(count * np.arange(1, _RUNGS) // _RUNGS)])
    edges = np.concatenate([[-np.inf], np.nextafter(grid, np.inf), [np.inf]])
    reached = np.cumsum(shares_of_parts(parts, edges), axis=1)[:, :-1]
    variance = float(np.sum(np.var(reached, axis=0, ddof=1))) / len(parts) if len(parts) > 3 else 0.0
    if variance <= 0.0:
        return Kolmogorov(estimate, np.nan, np.nan)
    size = float(np.sum(law(grid) * (1.0 - law(grid)))) / variance
    root = np.sqrt(size)
    return Kolmogorov(estimate, float(special.kolmogorov((root + 0.12 + 0.11 / root) * distance)), size)
