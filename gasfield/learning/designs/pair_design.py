"""The force of each B-spline of an interaction kernel: the design of its least-squares problem, frame by frame.

    A_m,i = c sum_j B_m(s_ij) (x_j - x_i)        m = 1 ... p

with cardinal B-splines on equal intervals of the sampled range of s; on a sphere, its tangential part at x_i. Arguments
beyond the range count as its ends, as the force that is built from phi takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from gasfield.forces.learned.pair_kernel import Argument
from gasfield.forces.pair_list import square_distances
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SplineSpace:
    """Splines of a degree on equal intervals of [low, high].

    Attributes:
        low: of the range.
        high: of the range.
        intervals: number of equal intervals.
        degree: 1 or 3.
    """

    low: float
    high: float
    intervals: int
    degree: int

    @property
    def count(self) -> int:
        """p, the number of B-splines."""
        return self.intervals + self.degree

    @property
    def width(self) -> float:
        """Of an interval."""
        return (self.high - self.low) / self.intervals

    def cardinal(self, at: Array) -> Array:
        """(M, p) the cardinal B-splines, whose knots go on beyond the range."""
        over = np.arange(-self.degree, self.intervals + self.degree + 1)
        return self._design(at, np.asarray(self.low + self.width * over, np.float64))

    def clamped(self, at: Array) -> Array:
        """(M, p) the B-splines of the same splines of which only one is not zero at each end of the range."""
        inner = self.low + self.width * np.arange(self.intervals + 1)
        inner[-1] = self.high
        return self._design(at, np.concatenate([[self.low] * self.degree, inner, [self.high] * self.degree]))

    def grid(self, points: int = 8) -> Array:
        """Places at which values determine a spline: the ends of the intervals, and between them."""
        return np.linspace(self.low, self.high, self.intervals * points + 1)

    def _design(self, at: Array, knots: Array) -> Array:
        inside = np.clip(at, self.low, self.high)
        return np.asarray(BSpline.design_matrix(inside, knots, self.degree, extrapolate=True).toarray())


def coarsened(fine: SplineSpace, coarse: SplineSpace) -> Array:
    """(p, p') the coefficients, in cardinal B-splines, of the clamped B-splines of a coarser space that it contains."""
    at = fine.grid()
    return np.asarray(np.linalg.lstsq(fine.cardinal(at), coarse.clamped(at), rcond=None)[0])


def design(
    places: Array, sources: Array, own: NDArray[np.int64], splines: SplineSpace, argument: Argument, radius: float
) -> Array:
    """(p, n, D) the sums A for n of the particles.

    Args:
        places: (n, D) their positions [length].
        sources: (M, D) positions of all particles that act.
        own: (n,) the row of each particle among the sources, which does not act on it; -1 if it is not among them.
        splines: B.
        argument: s.
        radius: of the sphere; 0 in free space.
    """
    out = np.zeros((splines.count, *places.shape))
    here, there, across = (np.ascontiguousarray(rows, np.float64) for rows in (places, sources, sources.T))
    knots = (float(splines.low), float(splines.width), splines.intervals, splines.degree)
    _fill(here, there, across, own, *knots, argument == "cosine", float(radius) ** 2, out)
    return out


def arguments(places: Array, argument: Argument, radius: float) -> Array:
    """(N (N - 1)/2,) s of all pairs of places (N, D)."""
    first, second = np.triu_indices(len(places), 1)
    squared = np.empty(len(first))
    for start in range(0, len(first), 1 << 16):
        some = slice(start, start + (1 << 16))
        squared[some] = np.sum((places[first[some]] - places[second[some]]) ** 2, axis=1)
    return np.asarray(1.0 - 0.5 * squared / radius**2 if argument == "cosine" else np.sqrt(squared))


@jit(**EXACT)
def _weights(f, degree, weights):  # type: ignore[no-untyped-def]
    """The cardinal B-splines that are not zero at a fraction f of an interval, from the left."""
    if degree == 1:
        weights[0], weights[1] = 1.0 - f, f
        return
    g = 1.0 - f
    weights[0] = g * g * g / 6.0
    weights[1] = (f * f * (3.0 * f - 6.0) + 4.0) / 6.0
    weights[2] = (g * g * (3.0 * g - 6.0) + 4.0) / 6.0
    weights[3] = f * f * f / 6.0


@jit(**EXACT_PARALLEL)
def _fill(places, sources, columns, own, low, width, intervals, degree, cosine, radius2, out):  # type: ignore[no-untyped-def]
    """out[m, i] = sum_j B_m(s_ij) (x_j - x_i), tangential on a sphere."""
    count, d = sources.shape
    for i in prange(places.shape[0]):
        squared, weights, apart, sides = np.empty(count), np.empty(4), np.empty(d), np.full(d, np.inf)
        sums = np.zeros((out.shape[0], d))
        square_distances(places[i], columns, 0, count, sides, np.inf, squared)
        for j in range(count):
            if j == own[i]:
                continue
            s = 1.0 - 0.5 * squared[j] / radius2 if cosine else np.sqrt(squared[j])
            t = min(max((s - low) / width, 0.0), float(intervals))
            first = min(int(t), intervals - 1)
            _weights(t - first, degree, weights)
            for k in range(d):
                apart[k] = sources[j, k] - places[i, k]
            for q in range(degree + 1):
                weight = weights[q]
                row = sums[first + q]
                for k in range(d):
                    row[k] += weight * apart[k]
        for m in range(out.shape[0]):
            inward = 0.0
            if radius2 > 0.0:
                for k in range(d):
                    inward += sums[m, k] * places[i, k]
                inward /= radius2
            for k in range(d):
                out[m, i, k] = sums[m, k] - inward * places[i, k]
