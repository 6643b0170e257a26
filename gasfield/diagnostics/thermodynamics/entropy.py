"""Entropy of the one-particle distribution, from samples of it.

    S = - < log p(x, m v) >          k_B = 1 and Planck's constant h = 1

per particle, for particles that do not interact; they are distinguishable, so there is no 1 / N!. Momenta in
equilibrium are Gaussian, and their part is exact. The part of the places has no closed form:

* D <= 4: distances to nearest neighbours (Kozachenko and Leonenko 1987; Kraskov, Stoegbauer and Grassberger 2004,
  Physical Review E 69:066138), axis by axis, plus that of the copula, the distribution of the ranks on the unit cube
  (Ariel and Louzoun 2020, Entropy 22:236). A density that is smooth in each coordinate is nearly flat there, which
  takes away most of the bias that tails and edges give to neighbours in space.
* D > 4: half of log det(2 pi e C), the entropy of the Gaussian with the same covariance C, which no distribution
  exceeds (Karplus and Kushick 1981, Macromolecules 14:325): a bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from gasfield.diagnostics.group import Group
from gasfield.diagnostics.presence import Vectors
from gasfield.diagnostics.thermodynamics.steady import Steady
from gasfield.spaces import Space
from gasfield.statistics.correlation import integrated_time
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing, stated

Values = NDArray[np.float64]

TIED = 0.1
"""Largest share of places that may have a coordinate exactly in common with another one. A share f means 1/f cells of
the lattice for each place, 4/(2 f) to the fourth neighbour, and so a bias of some f^2/48 in the entropy of a
coordinate: 2e-4 at a tenth."""
NEIGHBOURS_UP_TO = 4
"""Dimensions beyond which distances to neighbours tell too little about a density."""
_NEIGHBOUR = 4
_PARTS = 16
_MOST = 12_000
_NUMBERS = 1 << 24
_FEWEST = 128


def entropy_of_places(group: Group, steady: Steady, space: Space) -> tuple[Estimate, tuple[str, ...]]:
    """Entropy per particle of the places of a group in the steady part of a run, and what is to be known about it.

    Undefined on a sphere, and where there are too few independent places.
    """
    if space.curved:
        return missing("1"), ("on a curved space the entropy is not estimated",)
    sample = independent_places(group, steady, space.periods)
    if sample is None:
        return missing("1"), (f"fewer than {_FEWEST} independent places: the entropy is undefined",)
    if (fault := why_no_density(sample.points)) is not None:
        return missing("1"), (f"{fault}: the entropy is undefined",)
    if group.dimensions <= NEIGHBOURS_UP_TO:
        curved_walls = space.wall_area > 0 and space.edges is None and group.dimensions > 1
        notes = ("next to a curved wall the entropy comes out too large",) if curved_walls else ()
        return configurational_entropy(sample, Region.of(space)), notes
    bound = gaussian_bound(replace(sample, points=_folded(sample.points, space.periods)))
    if bound is None:
        return missing("1"), (
            f"too few independent places for {group.dimensions} dimensions: the entropy is undefined",
        )
    return bound, (
        f"in {group.dimensions} > {NEIGHBOURS_UP_TO} dimensions the entropy is an upper bound, that of the Gaussian "
        "with the same covariance, and the free energy a lower one",
    )


def why_no_density(points: Values) -> str | None:
    """Why places (n, D) are no sample of a density, so that its logarithm cannot be estimated; None if they may be.

    Distances to neighbours, up to `NEIGHBOURS_UP_TO` dimensions, need coordinates with few ties (`TIED`), and none of
    so many places that a distance is 0; a covariance needs more different places than dimensions, in no plane of fewer.
    """
    count, dimensions = points.shape
    if dimensions <= NEIGHBOURS_UP_TO:
        for j in range(dimensions):
            different, times = np.unique(points[:, j], return_counts=True)
            tied = float(np.sum(times[times > 1])) / count
            if tied > TIED or times.max() > _NEIGHBOUR:
                return (
                    f"{tied:.0%} of the places share x{j} with another one, {times.max()} at most ({len(different)} "
                    f"different values in {count} places): where places coincide, or are on a lattice, distances to "
                    "neighbours tell no density"
                )
        return None
    unlike = len(np.unique(points, axis=0))
    if unlike < min(count, dimensions + 2):
        return f"only {unlike} of {count} places are different"
    away = points - points.mean(axis=0)
    scales = np.linalg.svd(away, compute_uv=False)
    thickness = np.finfo(np.float64).eps * max(points.shape) * scales[0] + 1e-12 * float(np.abs(points).max())
    flat = int(np.sum(scales > thickness))
    return f"the places lie in a plane of {flat} dimensions" if flat < min(dimensions, count - 1) else None


@dataclass(frozen=True)
class Sample:
    """Places that are as good as independent.

    Attributes:
        points: (n, D) [length].
        parts: (n,) in 0 .. 15: which sixteenth of the particles, or of the run if there are few particles, a place
            comes from.
    """

    points: Values
    parts: NDArray[np.int64]


@dataclass(frozen=True)
class Region:
    """Where places may be.

    Attributes:
        low, high: (D,) hard walls, infinite where there are none [length].
        periods: (D,) sides of a periodic box, 0 where there is none [length].
    """

    low: Values
    high: Values
    periods: Values

    @classmethod
    def free(cls, dimensions: int) -> Region:
        """All of R^D."""
        return cls(np.full(dimensions, -np.inf), np.full(dimensions, np.inf), np.zeros(dimensions))

    def axis(self, j: int) -> Region:
        """One coordinate of it."""
        return Region(self.low[j : j + 1], self.high[j : j + 1], self.periods[j : j + 1])

    @classmethod
    def of(cls, space: Space) -> Region:
        """Where particles of a space can be; the curved wall of a ball is none of the walls that are known here."""
        region = cls.free(space.dimensions)
        if space.edges is not None and space.wall_area > 0:
            return cls(-0.5 * space.edges, 0.5 * space.edges, region.periods)
        return cls(region.low, region.high, space.periods)


def maxwell_entropy(masses: Values, temperature: float, freedom: float) -> float:
    """Entropy per particle of Gaussian momenta: f/2 log(2 pi e m T), averaged over masses (N,); h = 1.

    Args:
        masses: (N,).
        temperature: T > 0 [energy].
        freedom: velocity components f of a particle.
    """
    return float(0.5 * freedom * np.log(2 * np.pi * math.e * temperature * masses).mean())


def configurational_entropy(sample: Sample, region: Region) -> Estimate:
    """Entropy - <log p(x)> of places in D <= 4 dimensions, with its error.

    The error is the scatter of the parts, and beside it the noise of the distances once more, psi'(k) for each: parts
    share their neighbours, so that their own scatter shows only half of it.
    """
    points, parts = sample.points, sample.parts
    count, dimensions = points.shape
    if dimensions == 1 or region.periods.any():
        surprises = [_surprise(points, parts, region)]
    else:
        ranks = (points.argsort(axis=0, kind="stable").argsort(axis=0) + 0.5) / count
        cube = Region(np.zeros(dimensions), np.ones(dimensions), np.zeros(dimensions))
        surprises = [_surprise(points[:, [j]], parts, region.axis(j)) for j in range(dimensions)]
        surprises.append(_surprise(ranks, parts, cube, taken=1 / count))
    surprise = np.sum(surprises, axis=0)
    own = mean([surprise[parts == part].mean() for part in np.unique(parts)], "1")
    distances = len(surprises) * float(polygamma(1, _NEIGHBOUR)) / count
    return stated(surprise.mean(), np.nan if own.error is None else np.sqrt(own.error**2 + distances), "1")


def _surprise(points: Values, parts: NDArray[np.int64], region: Region, taken: float = 0.0) -> Values:
    """(n,) estimates of -log p at each place (n, D): the cube about it that reaches its k-th neighbour holds the share
    exp(psi(k) - psi(m + 1)) of the distribution, on average of the logarithm.

    Neighbours are sought in the other parts only, so that the same particle a little later is none. What of a cube lies
    behind a wall is not volume, nor what of an axis is taken by the place itself (its own rank).
    """
    surprise = np.empty(len(points))
    box = region.periods if region.periods.any() else None
    places = points if box is None else _folded(points, region.periods)
    for part in np.unique(parts):
        here, others = places[parts == part], places[parts != part]

        reach = scipy.spatial.cKDTree(others, boxsize=box).query(here, k=[_NEIGHBOUR], p=np.inf)[0]
        cut = (here + reach > region.high) | (here - reach < region.low)
        sides = np.where(cut, np.minimum(here + reach, region.high) - np.maximum(here - reach, region.low), 2 * reach)
        sides = (sides - taken) / (1.0 - taken)
        surprise[parts == part] = np.log(sides).sum(axis=1) + digamma(len(others) + 1) - digamma(_NEIGHBOUR)
    return surprise


def _folded(points: Values, periods: Values) -> Values:
    """Places (n, D) folded into [0, period) along each axis that has one."""
    sides = np.where(periods > 0, periods, 1.0)
    folded = np.mod(points, sides)
    return np.where(periods > 0, np.where(folded < sides, folded, 0.0), points)


def gaussian_bound(sample: Sample) -> Estimate | None:
    """1/2 log det(2 pi e C) of places (n, D), with its jackknife error over parts; None if n is too small for D.

    The determinant of a sample covariance is too small; for Gaussian samples the mean of its logarithm is known (the
    logarithm of a product of chi squared with n - 1, n - 2, ... degrees of freedom) and made up for.
    """
    points, parts = sample.points, sample.parts
    names = np.unique(parts)
    fewest = len(points) - max(int(np.sum(parts == part)) for part in names)
    if fewest < points.shape[1] + 2:
        return None
    without = [_gaussian_entropy(points[parts != part]) for part in names]
    value = _gaussian_entropy(points)
    return jackknife(value, without, "1") if np.isfinite(value) else None


def _gaussian_entropy(points: Values) -> float:
    count, dimensions = points.shape
    freedoms = count - 1.0 - np.arange(dimensions)
    scatter = np.atleast_2d(np.cov(points.T)) * (count - 1)
    sign, log_determinant = np.linalg.slogdet(scatter)
    if sign <= 0:
        return -np.inf
    log_determinant -= float(np.sum(digamma(0.5 * freedoms) + np.log(2.0)))
    return float(0.5 * (dimensions * np.log(2 * np.pi * math.e) + log_determinant))


def independent_places(group: Group, steady: Steady, periods: Values) -> Sample | None:
    """Places of a group in the steady part of a run that are as good as independent; None if these are too few.

    Of each particle, frames are taken that are a correlation time of its slowest coordinate apart.
    """
    late = group.at_frames(steady.frames(group))
    present = np.flatnonzero(late.finite_rows())
    if not len(late.steps) or not len(present):
        return None
    rows = present[:: -(-len(present) // _MOST)]
    seen = late.positions[:, rows]
    wanted = -(-_MOST // len(rows))
    apart = max(int(np.ceil(memory_of_places(seen, periods))), len(seen) // wanted, 1)
    places = seen[::-1][::apart][:wanted].astype(np.float64)
    count = len(places)
    if len(rows) >= _PARTS:
        parts = np.broadcast_to(np.arange(len(rows)) * _PARTS // len(rows), (count, len(rows)))
    else:
        parts = np.broadcast_to((np.arange(count) * _PARTS // count)[:, None], (count, len(rows)))
    points = places.reshape(-1, group.dimensions)
    if len(points) < _FEWEST or len(np.unique(parts)) < 2 or np.any(np.ptp(points, axis=0) == 0):
        return None
    return Sample(points, parts.reshape(-1))


def memory_of_places(places: Vectors, periods: Values) -> float:
    """Correlation time of the slowest coordinate of places (T, N, D), in frames, from some 512 numbers of each frame,
    or fewer where these would be more than 16 million.

    In a periodic box, of sine and cosine of its phase.
    """
    most = max(places.shape[2], min(512, _NUMBERS // max(1, len(places))))
    few = places[:, :: -(-places.shape[1] * places.shape[2] // most)].astype(np.float64)
    return max(integrated_time(values) for j, period in enumerate(periods) for values in _phases(few[:, :, j], period))


def _phases(x: Values, period: float) -> Iterator[Values]:
    """A coordinate (T, n), or sine and cosine of its phase in a periodic box."""
    if period > 0:
        yield np.cos(2 * np.pi / period * x)
        yield np.sin(2 * np.pi / period * x)
    else:
        yield x
