"""The rows as a point cloud: norms, centroid, radius, mean cosines, participation ratio.

Two passes over the rows, in blocks: sums that give the centroid, then the quantities that depend on it. Errors are
sampling errors over rows (see `statistics.estimate`). Mean cosines use a delete-a-group jackknife (every G-th row forms
a group, and the centroid is that of the remaining rows); G = 32, so that the relative error of such an error is about
1/8; with fewer rows each row is a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymm, dsyrk, ssyrk

from gasfield.embedding import BLOCK_STEP, Indices, Matrix, Values
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing, stated

_GROUPS = BLOCK_STEP
_WITNESSES = 4096
"""Number of rows for which jackknife pseudo-values of the participation ratio are computed."""
_DOUBLE = 1024
"""Dimensions up to which products of coordinates are accumulated in float64 throughout."""
_WIDEST = 8192
"""Dimensions beyond which the matrix of products is too large and the participation ratio is omitted."""
_ROUNDING = 1e-13
"""Distance from the centroid, relative to the rms norm, below which it is rounding error."""


@dataclass(frozen=True)
class CloudMeasures:
    """Statistics of the cloud.

    Attributes:
        estimates: `norm.mean`, `norm.std`, `cosine.raw`, `cosine.centred`, `centroid.norm`, `radius`,
            `participation_ratio`.
        notes: what is undefined, and why.
        norms: (n,) of the rows [length].
        distances: (n,) from their centroid [length].
        centroid: (D,) [length].
        products: (D, D) upper half of the scatter matrix about the centroid, in an arbitrary unit.
    """

    estimates: dict[str, Estimate]
    notes: list[str]
    norms: Values
    distances: Values
    centroid: Values
    products: NDArray[np.floating[Any]] | None


@dataclass(frozen=True)
class _Sums:
    """First pass: norms, and per group (G,) sums of rows and of unit vectors, and the number of nonzero rows."""

    norms: Values
    rows: Values
    units: Values
    directed: Values


def measure(matrix: Matrix, rows: Indices) -> CloudMeasures:
    """Measures the cloud of some rows, all finite.

    Args:
        matrix: the embedding.
        rows: (n,) row ids, n >= 1.
    """
    sums = _sum_up(matrix, rows)
    count, notes = len(rows), list[str]()
    total = sums.rows.sum(axis=0)
    centroid = total / count
    counts = np.bincount(np.arange(count) % len(sums.rows), minlength=len(sums.rows))
    products = _Products(matrix.dimensions, sums.norms)
    centred, along = _Centred(centroid, sums, counts), np.empty(count)
    distances = np.empty(count)
    for place, x in matrix.blocks(rows):
        along[place] = x @ centroid
        x -= centroid
        distances[place] = np.linalg.norm(x, axis=1)
        centred.add(x, distances[place])
        products.add(x)
    estimates = {
        "norm.mean": mean(sums.norms, "length"),
        "norm.std": _spread(sums.norms, notes),
        "cosine.raw": _raw_cosine(sums, notes),
        "cosine.centred": centred.cosine(notes),
        "centroid.norm": _centroid_norm(centroid, along, sums.norms),
        "radius": mean(distances, "length"),
        "participation_ratio": products.participation_ratio(matrix, rows, centroid, notes),
    }
    return CloudMeasures(estimates, notes, sums.norms, distances, centroid, products.sum)


def _sum_up(matrix: Matrix, rows: Indices) -> _Sums:
    groups = min(_GROUPS, len(rows))
    norms, sums, units = (
        np.empty(len(rows)),
        np.zeros((groups, matrix.dimensions)),
        np.zeros((groups, matrix.dimensions)),
    )
    directed = np.zeros(groups)
    for place, x in matrix.blocks(rows):
        norms[place] = np.linalg.norm(x, axis=1)
        sums += _by_group(x, groups)
        inverse = _inverse(norms[place])
        x *= inverse[:, None]
        units += _by_group(x, groups)
        directed += _by_group((inverse > 0)[:, None], groups)[:, 0]
    return _Sums(norms, sums, units, directed)


def _by_group(values: NDArray[Any], groups: int) -> Values:
    """(G, D) sums over the rows of each group; blocks of rows start with the first group."""
    whole = len(values) // groups * groups
    sums: Values = values[:whole].reshape(-1, groups, values.shape[1]).sum(axis=0, dtype=np.float64)
    sums[: len(values) - whole] += values[whole:]
    return sums


def _inverse(lengths: Values) -> Values:
    """1 / length, and 0 for length 0."""
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def _spread(norms: Values, notes: list[str]) -> Estimate:
    """Standard deviation of the norms, with its jackknife error."""
    count = len(norms)
    if count < 2:
        notes.append("norm.std: undefined for a single row")
        return missing("length")
    apart = (norms - norms.mean()) ** 2
    value = np.sqrt(apart.sum() / (count - 1))
    if count < 3:
        return Estimate(np.array(value), "length")
    without = np.sqrt(np.maximum(apart.sum() - apart * count / (count - 1), 0.0) / (count - 2))
    return jackknife(value, without, "length")


def _centroid_norm(centroid: Values, along: Values, norms: Values) -> Estimate:
    """Distance of the centroid c from the origin; without row i it is |N c - x_i| / (N - 1)."""
    count, squared = len(along), float(centroid @ centroid)
    if count < 2:
        return Estimate(np.array(np.sqrt(squared)), "length")
    without = np.maximum(count**2 * squared - 2 * count * along + norms**2, 0.0)
    return jackknife(np.sqrt(squared), np.sqrt(without) / (count - 1), "length")


# --- mean cosines ----------------------------------------------------------------------------------------------------


def _pair_mean(units: Values, count: Values) -> Values:
    """Mean cosine of the pairs of `count` unit vectors whose sum is given: (|s|^2 - n) / (n (n - 1))."""
    squared: Values = np.sum(units * units, axis=-1)
    means: Values = np.full_like(squared, np.nan)
    np.divide(squared - count, count * (count - 1), out=means, where=count > 1)
    return means


def _left_out(value: float, without: Values) -> Estimate:
    """A number with its error from the leave-one-group-out values (G,)."""
    groups = len(without)
    error = np.sqrt((groups - 1) / groups * np.sum((without - without.mean()) ** 2)) if groups > 1 else np.nan
    return stated(value, error, "1")


def _raw_cosine(sums: _Sums, notes: list[str]) -> Estimate:
    total, directed = sums.units.sum(axis=0), sums.directed.sum()
    nowhere = len(sums.norms) - int(directed)
    if nowhere:
        notes.append(f"cosine.raw: {nowhere} zero rows have no direction and are excluded")
    if directed < 2:
        notes.append("cosine.raw: fewer than two nonzero rows")
        return missing("1")
    value = _pair_mean(total, np.array(directed))
    return _left_out(float(value), _pair_mean(total - sums.units, directed - sums.directed))


class _Centred:
    """Sums of unit vectors about the centroid: of all rows, and without each group about the centroid of the others.

    Relative to a centroid shifted by d, a row y has the squared length |y|^2 - 2 y.d + d^2: matrix products.
    """

    def __init__(self, centroid: Values, sums: _Sums, counts: NDArray[np.int64]) -> None:
        total, remaining = sums.rows.sum(axis=0), counts.sum() - counts
        self._least = (_ROUNDING * float(np.sqrt(np.mean(sums.norms**2)))) ** 2
        several = remaining > 0
        rest = np.zeros_like(sums.rows)
        rest[several] = (total - sums.rows[several]) / remaining[several, None] - centroid
        self._shifts = np.vstack([np.zeros_like(centroid), rest])
        self._squared = np.sum(self._shifts**2, axis=1)
        self._units = np.zeros_like(self._shifts)
        self._count = np.zeros(len(self._shifts))

    def add(self, y: Values, distances: Values) -> None:
        """Adds rows about the centroid (n, D) with lengths (n,)."""
        squared = (distances**2)[:, None] - 2 * (y @ self._shifts.T) + self._squared
        # The direction of a row at the centroid of the others is rounding noise.
        lengths = np.sqrt(np.where(squared > self._least, squared, 0.0))
        inverse = _inverse(lengths)
        members = np.arange(len(y))
        inverse[members, 1 + members % (len(self._shifts) - 1)] = 0.0
        self._units += (y.T @ inverse).T
        self._units -= inverse.sum(axis=0)[:, None] * self._shifts
        self._count += (inverse > 0).sum(axis=0)

    def cosine(self, notes: list[str]) -> Estimate:
        """The mean cosine of pairs about the centroid."""
        means = _pair_mean(self._units, self._count)
        if not self._count[0] > 1:
            notes.append("cosine.centred: fewer than two rows differ from their centroid")
            return missing("1")
        return _left_out(float(means[0]), means[1:])


# --- dimensions ------------------------------------------------------------------------------------------------------


class _Products:
    """The scatter matrix S of the rows about the centroid; only its upper half is filled.

    In more than 1,024 dimensions the products within a block are in float32 and blocks are accumulated in float64:
    twice as fast, and accurate to six digits. Rows are scaled by their root mean square, which cancels in the ratio.
    """

    def __init__(self, dimensions: int, norms: Values) -> None:
        self._dimensions = dimensions
        self._single = dimensions > _DOUBLE
        self._unit = float(np.sqrt(np.mean(norms**2) / dimensions)) or 1.0
        self.sum: NDArray[np.floating[Any]] | None = None
        if dimensions <= _WIDEST:
            self.sum = np.zeros((dimensions, dimensions), order="F")

    def add(self, y: Values) -> None:
        """Adds rows about the centroid (n, D)."""
        if self.sum is None:
            return
        scaled = y / self._unit  # BLAS takes the transpose (column-major)
        if self._single:
            self.sum += ssyrk(1.0, scaled.astype(np.float32).T)
        else:
            self.sum = dsyrk(1.0, scaled.T, beta=1.0, c=self.sum, overwrite_c=1)

    def participation_ratio(self, matrix: Matrix, rows: Indices, centroid: Values, notes: list[str]) -> Estimate:
        """(tr S)^2 / tr S^2: the number of dimensions of equal variance with the same ratio.

        Without a row y the matrix is S - y y^T N / (N - 1), whose traces follow from |y|^2 and y.Sy. The jackknife uses
        these, with evenly spaced rows if there are more than 4,096.
        """
        key = "participation_ratio"
        if self.sum is None:
            notes.append(f"{key}: not computed, because {self._dimensions} dimensions are too many")
            return missing("1")
        diagonal = np.diagonal(self.sum)
        trace = float(diagonal.sum())
        square = 2 * float(np.sum(np.square(self.sum))) - float(diagonal @ diagonal)
        count = len(rows)
        if count < 2 or not trace > _ROUNDING**2 * count * self._dimensions:
            notes.append(f"{key}: undefined for {'a single row' if count < 2 else 'identical rows'}")
            return missing("1")
        value = trace**2 / square
        if count < 3:
            return Estimate(np.array(value), "1")
        witnesses = rows[np.linspace(0, count - 1, min(count, _WITNESSES)).astype(np.int64)]
        pseudo = np.empty(len(witnesses))
        share = count / (count - 1)
        for place, x in matrix.blocks(witnesses):
            y = (x - centroid) / self._unit
            length = np.sum(y * y, axis=1)
            quadratic = np.sum(dsymm(1.0, self.sum, y.T) * y.T, axis=0)
            rest = square - 2 * share * quadratic + (share * length) ** 2
            with np.errstate(divide="ignore", invalid="ignore"):
                without = (trace - share * length) ** 2 / rest
            pseudo[place] = count * value - (count - 1) * without
        if not np.isfinite(pseudo).all():
            return Estimate(np.array(value), "1")
        return stated(value, np.std(pseudo, ddof=1) / np.sqrt(count), "1")
