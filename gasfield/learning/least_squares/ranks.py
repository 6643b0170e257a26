"""The choice of a rank by held-out error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-12
"""Share of |y|^2 that a difference of large sums does not resolve."""


def ranks(most: int, given: int | None) -> list[int]:
    """Ranks to choose from: powers of two, none and all."""
    if given is not None:
        return [given]
    return [0, *(2**power for power in range(most.bit_length()) if 2**power < most), most]


def simplest(left: NDArray[np.float64], square: float) -> int:
    """The first of some models whose error on left-out blocks, (models, blocks), is not larger than the smallest one by
    more than the standard error of the difference (Breiman et al., 1984), or than the rounding of |y|^2."""
    worse = left - left[np.argmin(left.sum(axis=1))]
    blocks = left.shape[1]
    slack = np.sqrt(blocks) * worse.std(axis=1, ddof=1) if blocks > 1 else np.zeros(len(left))
    return int(np.argmax(worse.sum(axis=1) <= slack + _ROUNDING * square))
