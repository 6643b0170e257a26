"""Does a series drift? A test of its trend that allows for correlation in time.

The series is cut into successive batches. If the memory of a stationary series is short beside a batch, the means of
the batches are independent and nearly Gaussian, so the slope of a straight line through them, divided by its standard
error, has Student's t distribution with B - 2 degrees of freedom: exactly, whatever the number of batches (batch means:
Schmeiser 1982, Operations Research 30:556). Correlation never has to be estimated, which a drift would inflate, as it
does in the test of Geweke (1992).

A stationary series of at least 50 independent observations is found to drift once in a thousand times; one of 20, five
times; one that is hardly longer than its own memory, a few times in a hundred: it cannot be told from a drifting one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

SIGNIFICANCE = 1e-3
"""Probability below which a trend is not taken for chance."""
FEWEST = 16
"""Observations below which no trend is looked for."""
_BATCHES = 16
_FEW_BATCHES = 8
"""Batches of a series of fewer than four observations for each of sixteen."""
_ROUNDING = 1e-9
"""Relative changes of a series that count as none."""


@dataclass(frozen=True)
class Trend:
    """The straight line through the batch means of a series.

    Attributes:
        start, end: its height at both ends, in the unit of the series.
        p_value: probability of a slope at least as steep in a stationary series; 1 where nothing changes, or where
            there are fewer than `FEWEST` observations.
    """

    start: float
    end: float
    p_value: float

    @property
    def drifts(self) -> bool:
        """Whether the slope is not taken for chance."""
        return self.p_value < SIGNIFICANCE


def trend(values: ArrayLike) -> Trend:
    """The trend of a series (T,) of finite values, equally spaced."""
    x = np.asarray(values, np.float64)
    middle = float(x.mean()) if len(x) else np.nan
    if len(x) < FEWEST or np.ptp(x) <= _ROUNDING * np.max(np.abs(x)):
        return Trend(middle, middle, 1.0)
    count = _BATCHES if len(x) >= 4 * _BATCHES else _FEW_BATCHES
    means = _batch_means(x, count)
    place = np.arange(count) - 0.5 * (count - 1)
    slope = float(place @ means / (place @ place))
    left = means - means.mean() - slope * place
    error = np.sqrt(float(left @ left) / (count - 2) / float(place @ place))
    p_value = 2.0 * float(stdtr(count - 2, -abs(slope) / error)) if error > 0 else 0.0
    return Trend(float(means.mean() - 0.5 * count * slope), float(means.mean() + 0.5 * count * slope), p_value)


def _batch_means(x: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """(count,) means of equally long batches; the surplus, at the start, is left out."""
    means: NDArray[np.float64] = x[len(x) % count :].reshape(count, -1).mean(axis=1)
    return means
