"""Whether counts follow a law: Pearson's chi-square, rare states pooled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

FEWEST = 10.0
"""States that are expected less often are one class."""


class ChiSquare(NamedTuple):
    """The outcome of the test.

    Attributes:
        statistic: sum of (observed - expected)^2 / expected over classes.
        freedom: number of classes less 1; 0 if there is nothing to test.
        p_value: probability of a statistic at least as large under the law; 1 if there is nothing to test.
    """

    statistic: float
    freedom: int
    p_value: float


def chi_square(counts: NDArray[np.int64], law: NDArray[np.float64]) -> ChiSquare:
    """Counts (V,) against probabilities (V,); infinite if a token was counted that cannot be drawn."""
    expected = law * counts.sum()
    if counts[law == 0.0].any():
        return ChiSquare(float("inf"), 0, 0.0)
    rare = expected < FEWEST
    seen = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    seen, wanted = seen[wanted > 0.0], wanted[wanted > 0.0]
    if seen.size < 2:
        return ChiSquare(0.0, 0, 1.0)
    statistic = float(((seen - wanted) ** 2 / wanted).sum())
    return ChiSquare(statistic, seen.size - 1, float(chi2.sf(statistic, seen.size - 1)))
