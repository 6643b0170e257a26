"""Rank-normalised split R-hat: do several histories of one quantity agree with one another, and each with itself?

Every history is split into halves, all values are replaced by the normal scores of their ranks, and the scatter between
halves is compared with that within them: R-hat = sqrt(((n - 1)/n W + B/n) / W) with n values in a half, W the mean of
their variances and B/n the variance of their means. It is 1 for perfect mixing; Vehtari, Gelman, Simpson, Carpenter and
Buerkner (Bayesian Analysis 16:667, 2021) ask for less than 1.01. Of the values themselves (bulk) it sees histories
that stay in different places, of their distances from the common median (tail) histories of different width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from gasfield.statistics.estimate import Estimate, exact, missing

Values = NDArray[np.float64]

MIXED = 1.01
"""Largest value that is recommended for samples that are to be used."""
_FEWEST = 4
"""Observations of a history below which its halves have no variance."""


@dataclass(frozen=True)
class RHat:
    """R-hat of the bulk and of the tails; NaN where it is undefined (too few observations, or nothing changes)."""

    bulk: float
    tail: float

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Of histories (T, N) of one quantity in the columns, or of one (T,), whose two halves are then compared. Of an
        odd number of observations the middle one is left out."""
        x = np.asarray(values, np.float64)
        x = x[:, None] if x.ndim == 1 else x
        half = len(x) // 2
        if len(x) < _FEWEST or not x.size or not np.isfinite(x).all():
            return cls(np.nan, np.nan)
        halves = np.concatenate([x[:half], x[len(x) - half :]], axis=1)
        return cls(_between_and_within(halves), _between_and_within(np.abs(halves - np.median(halves))))

    @property
    def largest(self) -> float:
        """The larger one, which is what is usually quoted."""
        return max(self.bulk, self.tail)

    def estimates(self, prefix: str) -> dict[str, Estimate]:
        """`PREFIX.r_hat.bulk` and `.tail`."""
        both = {f"{prefix}.r_hat.bulk": self.bulk, f"{prefix}.r_hat.tail": self.tail}
        return {key: exact(value, "1") if np.isfinite(value) else missing("1") for key, value in both.items()}

    def note(self, prefix: str, histories: str) -> str | None:
        """What to say of it; None if all is well. `histories` says what was compared."""
        if not np.isfinite(self.largest):
            return f"{prefix}.r_hat is undefined: fewer than {_FEWEST} observations, or nothing changes"
        if self.largest <= MIXED:
            return None
        return f"{prefix}.r_hat is {self.largest:.3g}, above {MIXED}: {histories} have not mixed yet"


def _between_and_within(halves: Values) -> float:
    """R-hat of the normal scores of the ranks of S values (n, M): the quantiles of (rank - 3/8)/(S + 1/4) (Blom 1958).
    Ties share their mean rank."""
    ranks = scipy.stats.rankdata(halves, axis=None).reshape(halves.shape)
    scores = ndtri((ranks - 0.375) / (halves.size + 0.25))
    within, count = float(scores.var(axis=0, ddof=1).mean()), len(scores)
    if not within > 0.0 or count < 2:
        return float("nan")
    between = count * float(scores.mean(axis=0).var(ddof=1))
    return float(np.sqrt((between / within + count - 1) / count))
