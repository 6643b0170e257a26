"""A straight line through ranked energies, every octave of ranks with the same weight.

Residuals of a spectrum are a smooth function of the rank, not independent noise, and 40,000 of 49,152 ranks are in the
last two octaves. Least squares with weights 1/i count every interval of ln i alike, and the errors are a sandwich
(Liang and Zeger, Biometrika 73:13) over octaves of ranks as clusters: residuals may be correlated in any way within
an octave. A misfit that bends over several octaves is a bias, which no error of a fit can contain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError


@dataclass(frozen=True)
class Line:
    """E_i = intercept + slope x_i.

    Attributes:
        intercept: where x = 0.
        slope: per unit of x.
        intercept_error: standard error; NaN with fewer than four octaves.
        slope_error: likewise.
    """

    intercept: float
    slope: float
    intercept_error: float
    slope_error: float


def line_through(energies: NDArray[np.float64], x: NDArray[np.float64], first: int, last: int) -> Line:
    """Fits the ranks first..last, both included and counted from 1, of ascending energies (V,).

    Args:
        energies: (V,).
        x: (V,) what they are linear in, for each rank: ln i of a Zipf tail.
        first: rank.
        last: rank, V if it is beyond.

    Raises:
        InputError: if there are fewer than two ranks.
    """
    last = min(last, len(energies))
    if last - first < 1:
        raise InputError(f"A line through ranks {first} to {last} needs at least two of them.", parameter="keep")
    ranks = np.arange(first, last + 1.0)
    design = np.stack([np.ones(len(ranks)), x[first - 1 : last]], axis=1)
    weighted = design / ranks[:, None]
    bread = np.linalg.inv(weighted.T @ design)
    values = energies[first - 1 : last]
    best = bread @ (weighted.T @ values)
    residuals = values - design @ best
    octaves = np.floor(np.log2(ranks / first)).astype(int)
    scores = np.stack([np.bincount(octaves, column) for column in (weighted * residuals[:, None]).T], axis=1)
    count = len(scores)
    errors = np.full(2, np.nan)
    if count >= 4:
        covariance = bread @ (scores.T @ scores) @ bread * count / (count - 2)
        errors = np.sqrt(np.diag(covariance))
    return Line(float(best[0]), float(best[1]), float(errors[0]), float(errors[1]))
