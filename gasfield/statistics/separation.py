"""How well a score tells some rows from the rest: the area under the receiver operating characteristic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from gasfield.statistics.estimate import Estimate, missing, share_floor, stated

Values = NDArray[np.float64]


def area_under_curve(scores: Values, given: NDArray[np.bool_]) -> Estimate:
    """Chance that a given row scores higher than one of the rest; a tie counts half. 1/2 tells nothing.

    The error is that of DeLong, DeLong and Clarke-Pearson (1988), by ranks as Sun and Xu (2014). Where the two
    do not overlap it would be zero; it is never below what the smaller set can tell.

    Args:
        scores: (n,) one a row.
        given: (n,) which rows were given.
    """
    inside, outside = scores[given], scores[~given]
    m, n = len(inside), len(outside)
    if not m or not n:
        return missing("1")
    ranks = rankdata(scores)
    above = (ranks[given] - rankdata(inside)) / n  # share of the rest below each given row
    below = 1.0 - (ranks[~given] - rankdata(outside)) / m
    if m < 2 or n < 2:
        return Estimate(np.array(above.mean()), "1")
    error = np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    return stated(above.mean(), max(error, share_floor(min(m, n))), "1")
