"""Whether counts follow a law: Pearson's chi-square, rare states pooled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from gasfield.statistics.blocking import merged

FEWEST = 10.0
"""Each class is expected at least as often; rarer states are merged, the rarest first."""


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
    order = np.argsort(expected, kind="stable")
    order = order[expected[order] > 0.0]
    if not order.size:
        return ChiSquare(0.0, 0, 1.0)
    rows, wanted = merged(counts[None, order].astype(np.float64), expected[order], FEWEST)
    seen = rows[0]
    if seen.size < 2:
        return ChiSquare(0.0, 0, 1.0)
    statistic = float(((seen - wanted) ** 2 / wanted).sum())
    return ChiSquare(statistic, seen.size - 1, float(chdtrc(seen.size - 1, statistic)))
