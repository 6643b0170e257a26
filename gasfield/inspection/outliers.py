"""Outliers among rows, by a score with one number per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gasfield.embedding import Values

_EXPECTED = 0.05
"""Expected number of outliers in normally distributed scores."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation."""


@dataclass(frozen=True)
class Outliers:
    """Rows with outlying scores.

    Attributes:
        places: (k,) indices of the rows, the furthest first.
        deviations: (k,) score minus median, in robust standard deviations; negative for small scores.
        threshold: absolute deviation beyond which a row is an outlier.
        why_not: why outliers are undefined; None if they are defined.
    """

    places: NDArray[np.int64]
    deviations: Values
    threshold: float
    why_not: str | None = None


def find_outliers(scores: Values) -> Outliers:
    """Finds scores (n,) that are improbable for a normal distribution with their median and median absolute deviation.

    The threshold is the normal quantile beyond which, on both sides together, 0.05 of n rows are expected: one sample
    in twenty has an outlier by chance. It is 4.6 standard deviations for 10,000 rows, 5.1 for 150,000.
    """
    threshold = -float(ndtri(_EXPECTED / (2 * len(scores))))
    apart = scores - np.median(scores)
    spread = _NORMAL * float(np.median(np.abs(apart)))
    nothing = np.empty(0, np.int64), np.empty(0)
    if len(scores) < 3:
        return Outliers(*nothing, threshold, "undefined for fewer than three rows")
    if not spread > 1e-12 * float(np.max(np.abs(scores))):
        return Outliers(*nothing, threshold, "undefined: at least half of the rows have the same value")
    deviations = apart / spread
    places = np.flatnonzero(np.abs(deviations) > threshold)
    places = places[np.argsort(-np.abs(deviations[places]), kind="stable")]
    return Outliers(places, deviations[places], threshold)
