"""Rows far from the crowd, by a score that is one number a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gasfield.embedding import Values

_EXPECTED = 0.05
"""Rows of a normal crowd that would be called outliers, on average."""
_NORMAL = 1.4826
"""Standard deviation of a normal law in units of its median absolute deviation."""


@dataclass(frozen=True)
class Outliers:
    """Rows whose score is off.

    Attributes:
        places: (k,) of the rows, the furthest first.
        deviations: (k,) score less median, in robust standard deviations; negative where the score is small.
        threshold: deviations beyond which a row is told.
        why_not: why nothing can be told; None if it can.
    """

    places: NDArray[np.int64]
    deviations: Values
    threshold: float
    why_not: str | None = None


def find_outliers(scores: Values) -> Outliers:
    """Scores (n,) that a normal crowd with the same median and median absolute deviation would hardly have.

    The threshold is the quantile of the normal law beyond which, to both sides together, 0.05 of n rows are expected:
    one crowd in twenty has an outlier by chance. 4.6 standard deviations for 10,000 rows, 5.1 for 150,000.
    """
    threshold = -float(ndtri(_EXPECTED / (2 * len(scores))))
    apart = scores - np.median(scores)
    spread = _NORMAL * float(np.median(np.abs(apart)))
    nothing = np.empty(0, np.int64), np.empty(0)
    if len(scores) < 3:
        return Outliers(*nothing, threshold, "fewer than three rows are no crowd")
    if not spread > 1e-12 * float(np.max(np.abs(scores))):
        return Outliers(*nothing, threshold, "half of the rows or more have the same value: the crowd has no width")
    deviations = apart / spread
    places = np.flatnonzero(np.abs(deviations) > threshold)
    places = places[np.argsort(-np.abs(deviations[places]), kind="stable")]
    return Outliers(places, deviations[places], threshold)
