"""Some rows of a matrix beside the rest: norms, distances, cosines, nearest rows.

Mean cosines are U-statistics: over all pairs i != j of the given rows, and over all pairs of a given and another row.
Errors are sampling errors over rows: a delete-one jackknife within, and that of a two-sample U-statistic against the
rest (the variances of the row means of both sides, each over its number of rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.embedding import Indices, Matrix, Values
from gasfield.quantity import Quantity
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing, stated

_MOST_PRODUCTS = 3e11
"""Largest number of multiplications for the nearest rows."""


@dataclass(frozen=True)
class GivenRows:
    """Given rows and the rest of a matrix.

    Attributes:
        matrix: the embedding.
        kept: (n,) ids of all finite rows.
        inside: (n,) which of them are given; some but not all.
        norms: (n,) of all of them [length].
        distances: (n,) from their centroid [length].
        centroid: (D,) of all of them [length].
    """

    matrix: Matrix
    kept: Indices
    inside: NDArray[np.bool_]
    norms: Values
    distances: Values
    centroid: Values

    @property
    def given(self) -> Indices:
        """(m,) ids of the given rows."""
        return self.kept[self.inside]

    @property
    def rest(self) -> Indices:
        """(n - m,) ids of the others."""
        return self.kept[~self.inside]

    def lists(self, notes: list[str]) -> dict[str, Quantity]:
        """Row by row: `given.ids`, `.norms`, `.norm_percentiles` (of the norm among those of the rest), `.distances`
        (from the centroid of all rows), `.nearest.ids` and `.nearest.distances` (of all other rows)."""
        below = np.searchsorted(np.sort(self.norms[~self.inside]), self.norms[self.inside]) / len(self.rest)
        ids, apart = self._nearest(notes)
        return {
            "given.ids": Quantity(self.given.tolist(), "row ids"),
            "given.norms": Quantity(self.norms[self.inside].tolist(), "length"),
            "given.norm_percentiles": Quantity((100 * below).tolist(), "%"),
            "given.distances": Quantity(self.distances[self.inside].tolist(), "length"),
            "given.nearest.ids": Quantity(ids, "row ids"),
            "given.nearest.distances": Quantity(apart, "length"),
        }

    def estimates(self, notes: list[str]) -> dict[str, Estimate]:
        """Together: `given.norm.mean` and `rest.norm.mean`, `given.radius` and `rest.radius` (mean distance of the rows
        from their own centroid), `given.offset` (distance of the two centroids), and mean cosines about the origin,
        `given.cosine.within` and `.against` the rest, and about the centroid of all rows, `given.cosine_centred.within`
        and `.against`."""
        if len(self.given) < 2:
            notes.append("given.radius, given.cosine.within, given.cosine_centred.within: undefined for a single row")
        return {
            "given.norm.mean": mean(self.norms[self.inside], "length"),
            "rest.norm.mean": mean(self.norms[~self.inside], "length"),
            **self._clouds(),
            **self._cosines("given.cosine", np.zeros(self.matrix.dimensions), notes),
            **self._cosines("given.cosine_centred", self.centroid, notes),
        }

    def _clouds(self) -> dict[str, Estimate]:
        """Radii and offset; the variance of the length of a difference is that along it."""
        sides = {"given": self.given, "rest": self.rest}
        centres = {name: _mean_row(self.matrix, rows) for name, rows in sides.items()}
        offset = centres["given"] - centres["rest"]
        length = float(np.linalg.norm(offset))
        found, variance = {}, 0.0
        for name, rows in sides.items():
            apart, along = np.empty(len(rows)), np.empty(len(rows))
            for place, x in self.matrix.blocks(rows):
                apart[place] = np.linalg.norm(x - centres[name], axis=1)
                along[place] = (x - centres[name]) @ offset / length if length > 0 else 0.0
            found[f"{name}.radius"] = mean(apart, "length") if len(rows) > 1 else missing("length")
            variance += float(along.var(ddof=1)) / len(rows) if len(rows) > 1 else np.nan
        error = np.sqrt(variance) if length > 0 else np.nan
        return {**found, "given.offset": stated(length, error, "length")}

    def _cosines(self, key: str, origin: Values, notes: list[str]) -> dict[str, Estimate]:
        """Mean cosines about a point (D,); rows at the point have no direction and are excluded."""
        own, m = _sum_of_units(self.matrix, self.given, origin)
        others, k = _sum_of_units(self.matrix, self.rest, origin)
        if m + k < len(self.kept):
            notes.append(f"{key}: {len(self.kept) - m - k} rows have no direction and are excluded")
        if not m or not k:
            notes.append(f"{key}: one side has no row with a direction")
            return {f"{key}.within": missing("1"), f"{key}.against": missing("1")}
        to_own, to_others = _along(self.matrix, self.given, origin, own, others)
        from_rest, _ = _along(self.matrix, self.rest, origin, own, others)
        within = missing("1")
        if m > 1:
            squared = float(own @ own)
            # Without row i, with u.s = to_own: |s - u|^2 = |s|^2 - 2 u.s + 1.
            without = (squared - 2 * to_own + 1 - (m - 1)) / ((m - 1) * (m - 2)) if m > 2 else np.empty(0)
            within = jackknife((squared - m) / (m * (m - 1)), without, "1")
        spread = [
            np.var(part, ddof=1) / len(part) if len(part) > 1 else np.nan for part in (to_others / k, from_rest / m)
        ]
        return {f"{key}.within": within, f"{key}.against": stated(own @ others / (m * k), np.sqrt(sum(spread)), "1")}

    def _nearest(self, notes: list[str]) -> tuple[list[int] | None, list[float] | None]:
        """Id and distance of the nearest other row of each given row; None if there are too many pairs."""
        if len(self.given) * len(self.kept) * max(self.matrix.dimensions, 64) > _MOST_PRODUCTS:
            notes.append("given.nearest: not computed, because there are too many pairs of rows")
            return None, None
        ids, least = np.full(len(self.given), -1), np.full(len(self.given), np.inf)
        for place, x in self.matrix.blocks(self.given):
            a = x - self.centroid
            for others, z in self.matrix.blocks(self.kept):
                b = z - self.centroid
                apart = np.sum(b * b, axis=1) - 2.0 * a @ b.T  # up to |a|^2
                apart[self.given[place][:, None] == self.kept[others]] = np.inf
                closest = apart.argmin(axis=1)
                value = apart[np.arange(len(a)), closest]
                nearer = value < least[place]
                ids[place] = np.where(nearer, self.kept[others][closest], ids[place])
                least[place] = np.where(nearer, value, least[place])
        exact = [
            float(np.linalg.norm(np.subtract(*self.matrix.values(np.array(pair)))))
            for pair in zip(self.given, ids, strict=True)
        ]
        return ids.tolist(), exact


def _mean_row(matrix: Matrix, rows: Indices) -> Values:
    total = np.zeros(matrix.dimensions)
    for _, x in matrix.blocks(rows):
        total += x.sum(axis=0)
    return np.asarray(total / len(rows))


def _units(x: Values, origin: Values) -> Values:
    """Unit vectors (n, D) of rows about a point; zeros for a row at the point."""
    about = x - origin
    lengths = np.linalg.norm(about, axis=1, keepdims=True)
    units: Values = np.divide(about, lengths, out=np.zeros_like(about), where=lengths > 0)
    return units


def _sum_of_units(matrix: Matrix, rows: Indices, origin: Values) -> tuple[Values, int]:
    """Sum (D,) of the unit vectors of rows about a point, and their number."""
    total, count = np.zeros(matrix.dimensions), 0
    for _, x in matrix.blocks(rows):
        units = _units(x, origin)
        total += units.sum(axis=0)
        count += int(np.any(units != 0, axis=1).sum())
    return total, count


def _along(matrix: Matrix, rows: Indices, origin: Values, *sums: Values) -> list[Values]:
    """Products of the unit vectors of rows with each sum, of the rows that have a direction."""
    parts = []
    for _, x in matrix.blocks(rows):
        units = _units(x, origin)
        parts.append(units[np.any(units != 0, axis=1)] @ np.transpose(sums))
    return list(np.concatenate(parts).T)
