"""Statistics of independent replicas."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def replica_mean(samples: np.ndarray) -> tuple[float, float, float]:
    """Mean of samples (frames, replicas), its standard error, and the effective number of samples.

    Replicas are independent, so the spread of their time averages gives the error, whatever the autocorrelation time.
    """
    own = samples.mean(axis=0).ravel()
    error = float(own.std(ddof=1) / np.sqrt(len(own)))
    return float(own.mean()), error, float(samples.var() / error**2)


def halvings(step: float, count: int) -> Iterator[tuple[int, float]]:
    """(steps, time step) of runs over the same time with successively halved steps."""
    for k in range(count):
        yield 2**k, step / 2**k
