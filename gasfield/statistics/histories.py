"""Means over several independent histories of one quantity, each correlated in time.

M observations of G histories have the correlation time tau of all of them together, about their common mean, so that
histories which stay in different places count as correlated: M G / tau is their effective size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.statistics.correlation import FEWEST, integrated_time
from gasfield.statistics.estimate import Estimate, stated

Values = NDArray[np.float64]


def effective_size_of(histories: ArrayLike) -> float:
    """M G / tau of histories (M, G)."""
    x = np.asarray(histories, np.float64)
    return x.size / integrated_time(x)


def mean_of(value: ArrayLike, influence: ArrayLike, unit: str) -> Estimate:
    """A number whose influence (M, G) is known, with the error sqrt(variance tau / (M G - tau)) of its mean.

    A constant has error 0; fewer than `FEWEST` observations have none.
    """
    x = np.asarray(influence, np.float64)
    if len(x) < FEWEST:
        return stated(value, np.nan, unit)
    if np.ptp(x) == 0:
        return stated(value, 0.0, unit)
    tau = integrated_time(x)
    return stated(value, np.sqrt(x.var() * tau / max(x.size - tau, 1.0)), unit)
