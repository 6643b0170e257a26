"""How well a score separates some rows from the rest: the area under the receiver operating characteristic."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from gasfield.statistics.estimate import Estimate, missing, share_floor, stated

Values = NDArray[np.float64]


def area_under_curve(scores: Values, given: NDArray[np.bool_]) -> Estimate:
    """Probability that a given row scores higher than one of the rest; a tie counts half. 1/2: no separation.

    The error is that of DeLong, DeLong and Clarke-Pearson (1988), by ranks as in Sun and Xu (2014). Without overlap it
    would be zero; it is at least `share_floor` of the smaller set.

    Args:
        scores: (n,) one per row.
        given: (n,) mask of the given rows.
    """
    inside, outside = scores[given], scores[~given]
    m, n = len(inside), len(outside)
    if not m or not n:
        return missing("1")
    ranks = scipy.stats.rankdata(scores)
    above = (ranks[given] - scipy.stats.rankdata(inside)) / n  # share of the rest below each given row
    below = 1.0 - (ranks[~given] - scipy.stats.rankdata(outside)) / m
    if m < 2 or n < 2:
        return Estimate(np.array(above.mean()), "1")
    error = np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    return stated(above.mean(), max(error, share_floor(min(m, n))), "1")
