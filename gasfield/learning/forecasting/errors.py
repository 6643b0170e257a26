"""Errors of forecasts: from blocks of origins and parts of rows, paired between forecasters.

A mean squared error, a skill or a share is a ratio of sums over origins and rows. Its error has two parts, added in
quadrature: a delete-one-block jackknife over successive blocks of origins, and a delete-one-part jackknife over parts
of the rows (Efron and Tibshirani 1993, chapter 11). Numerator and denominator of a skill, and of a difference of
skills, come from the same blocks, so that what they have in common cancels.

Forecasts from neighbouring origins share most of their target span: at horizon h the displacements from origins l apart
have h - l of h increments in common, and squared errors of independent increments the correlation (1 - l/h)^2. Blocks
shorter than several horizons are therefore not independent, and their scatter is smaller than that of independent ones.
The jackknife is multiplied by the square root of the variance of the mean over its expected estimate under this
correlation, which is 1 for h = 1. Correlations beyond that are met by merging blocks: of 16, 8 and 4 blocks the largest
error counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gasfield.quantity import Quantity

Values = NDArray[np.float64]
MOST_BLOCKS = 16
MOST_PARTS = 64
_FEWEST = 4


@dataclass(frozen=True)
class OriginBlocks:
    """The origins from which a horizon is within the recording, divided into blocks.

    Attributes:
        first: the first origin, a frame.
        count: number of origins, all successive frames.
        horizon: frames ahead.
    """

    first: int
    count: int
    horizon: int

    @cached_property
    def blocks(self) -> int:
        """Number of blocks: 16, or 8 or 4 where there are few origins."""
        blocks = MOST_BLOCKS
        while blocks > _FEWEST and self.count < blocks * max(self.horizon, 4):
            blocks //= 2
        return max(min(blocks, self.count), 1)

    def block_of(self, origins: NDArray[np.int64]) -> NDArray[np.int64]:
        """The block of each origin; -1 for one without a target within the recording."""
        at = origins - self.first
        return np.where(at < self.count, at * self.blocks // max(self.count, 1), -1)

    @property
    def independent(self) -> float:
        """Number of stretches of one horizon that do not overlap."""
        return self.count / self.horizon

    def inflation(self, blocks: int) -> float:
        """Factor of the jackknife error of so many blocks for the overlap of target spans."""
        if blocks < 2:
            return 1.0
        whole, part = self._variance(self.count), self._variance(self.count / blocks)
        return float(np.sqrt(max(whole * (blocks - 1) / (part - whole), 1.0))) if part > whole else 1.0

    def _variance(self, origins: float) -> float:
        """Variance of the mean of successive origins, in units of that of one."""
        lags = np.arange(1, max(int(np.ceil(origins)), 1))
        alike = np.maximum(1.0 - lags / self.horizon, 0.0) ** 2
        return float((1.0 + 2.0 * np.sum((1.0 - lags / origins) * alike)) / origins)


def ratio(numerator: Values, denominator: Values, origins: OriginBlocks, unit: str = "1") -> Quantity:
    """sum(numerator) / sum(denominator) of sums over blocks of origins and parts of rows, (B, P), with its error.

    Undefined where the denominator is zero or a sum is not finite; the error is unknown with one block and one part.
    """
    whole = float(denominator.sum())
    if not whole > 0 or not np.isfinite(numerator).all():
        return Quantity(None, unit)
    value = float(numerator.sum()) / whole
    over, under = numerator.sum(axis=1), denominator.sum(axis=1)
    errors: list[float] = []
    while len(over) >= 2:
        found = _jackknife(over, under)
        if found is not None:
            errors.append(origins.inflation(len(over)) * found)
        if len(over) < 2 * _FEWEST:
            break
        over, under = (np.add.reduceat(part, np.arange(0, len(part), 2)) for part in (over, under))
    by_rows = _jackknife(numerator.sum(axis=0), denominator.sum(axis=0))
    known = [error for error in (max(errors, default=None), by_rows) if error is not None]
    return Quantity(value, unit, math.hypot(*known) if known else None)


def _jackknife(over: Values, under: Values) -> float | None:
    """Standard error of sum(over) / sum(under) by leaving out one part after the other; None with fewer than two, or
    where one of them is all of the sum."""
    used = under > 0
    over, under = over[used], under[used]
    count, rest = len(over), under.sum() - under
    if count < 2 or not np.all(rest > 0):
        return None
    without = (over.sum() - over) / rest
    return float(np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2)))
