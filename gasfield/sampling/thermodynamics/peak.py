"""Where the heat capacity of a spectrum is greatest.

With x = E / T and cumulants k_n of x under the canonical weights, C = k_2 and dC/dlog T = k_3 - 2 k_2: a peak is a
root of an exact sum, and its place is as precise as the sums, not as a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from gasfield.statistics.canonical import canonical, reduced

SPACING = 0.1
"""Of the search for roots, in log T; of two roots closer than this the search may miss both."""


@dataclass(frozen=True)
class Peak:
    """The greatest heat capacity of a spectrum.

    Attributes:
        temperature: where it is; NaN if C has no maximum at T > 0 (fewer than two levels).
        height: C there; 0 without a maximum.
        maxima: number of local maxima of C(T) that were found.
    """

    temperature: float
    height: float
    maxima: int


def peak_of(energies: ArrayLike) -> Peak:
    """The global peak of C(T) of one spectrum (V,); infinite energies are states that do not exist.

    The search covers all places that a peak can have: none is hotter than half the range of the energies, since
    k_3 < 2 k_2 where x < 2, and none colder than D / (ln V + 8), D the lowest excitation: there k_3 is near D k_2 / T.
    """
    levels = np.sort(np.asarray(energies, float))
    levels = levels[np.isfinite(levels)]
    above = levels - levels[0] if len(levels) else levels
    excited = above[above > 0.0]
    if not len(excited):
        return Peak(np.nan, 0.0, 0)
    hottest, coldest = above[-1], excited[0] / (np.log(len(above)) + 8.0)
    grid = np.linspace(np.log(coldest), np.log(hottest), 2 + int(np.log(hottest / coldest) / SPACING))
    slopes = np.array([slope(above, point) for point in grid])
    rising = np.flatnonzero((slopes[:-1] > 0.0) & (slopes[1:] <= 0.0))
    if not len(rising):
        return Peak(np.nan, 0.0, 0)
    places = np.exp(
        [scipy.optimize.brentq(lambda at: slope(above, at), grid[k], grid[k + 1], xtol=1e-13) for k in rising]
    )
    heights = canonical(above, places).heat_capacity
    best = int(np.argmax(heights))
    return Peak(float(places[best]), float(heights[best]), len(rising))


def slope(above: NDArray[np.float64], log_temperature: float) -> float:
    """dC/dlog T of one spectrum of energies (V,) above the lowest."""
    x, weights = reduced(above, float(np.exp(log_temperature)))
    weights /= weights.sum()
    x -= weights @ x
    squares = weights * x * x
    return float(squares @ x - 2.0 * squares.sum())
