"""From a matrix alone: which of its rows look as if their tokens had never occurred.

A row that never occurs is moved by the field alone, and the field is nearly the same for all of them: they drift
together, and where they were drawn from one cloud they stay one, while each row that occurs is pulled its own way. So
the dead rows lie around one place, and the distance from it is the score. The place is found without being told: the
centre of the densest part of the rows, by concentration (Rousseeuw and Van Driessen 1999): the mean of the nearest rows
is the next centre, until they stay the same; beginning at the row, of some that are tried, that has its neighbours
nearest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasfield.embedding import Indices, Matrix, Values

_SHARE = 0.1
"""Of all rows, those from which the centre is taken: no more than are dead, or it is pulled towards the living."""
_ROUNDS = 50
_SAMPLE, _TRIED = 4096, 256
_PARTED = 2.0
"""Ashman's D of two components that can be told apart (Ashman, Bird and Zepf 1994)."""
_LEAST = 20
"""Rows, below which nothing is said."""


@dataclass(frozen=True)
class Dormancy:
    """How rows lie about the place where dead ones would be.

    Attributes:
        scores: (n,) minus the distance from the centre, in units of the median distance of the nearest tenth.
        threshold: rows with a score above it are called dead; None if two kinds of rows cannot be told apart.
        separation: Ashman's D of the two kinds.
        share: of the rows that are called dead; 0 without a threshold.
    """

    scores: Values
    threshold: float | None
    separation: float
    share: float


def dormancy(matrix: Matrix, rows: Indices) -> Dormancy:
    """Scores rows, and looks whether they are of two kinds.

    Args:
        matrix: the embedding.
        rows: (n,) those that can be measured.
    """
    distances = distances_from(densest(matrix, rows), matrix, rows)
    near = np.median(np.sort(distances)[: max(1, int(_SHARE * len(rows)))])
    scores = -distances / near if near > 0 else -distances
    if len(rows) < _LEAST or not near:
        return Dormancy(scores, None, 0.0, 0.0)
    threshold, separation, share = two_kinds(np.log(np.maximum(distances, 1e-6 * near)))
    if separation < _PARTED:
        return Dormancy(scores, None, separation, 0.0)
    return Dormancy(scores, float(-np.exp(threshold) / near), separation, share)


def densest(matrix: Matrix, rows: Indices) -> Values:
    """(D,) the centre of the densest part of the rows (n,)."""
    count = max(1, int(_SHARE * len(rows)))
    centre = _beginning(matrix, rows)
    before: Indices | None = None
    for _ in range(_ROUNDS):
        distances = distances_from(centre, matrix, rows)
        nearest = np.sort(np.argpartition(distances, count - 1)[:count])
        if before is not None and np.array_equal(nearest, before):
            break
        centre, before = matrix.values(rows[nearest]).mean(axis=0), nearest
    return centre


def distances_from(centre: Values, matrix: Matrix, rows: Indices) -> Values:
    """(n,) of rows from a place (D,)."""
    distances = np.empty(len(rows))
    for place, positions in matrix.blocks(rows):
        distances[place] = np.linalg.norm(positions - centre, axis=1)
    return distances


def _beginning(matrix: Matrix, rows: Indices) -> Values:
    """The row, of some, whose nearest tenth of a sample is nearest."""
    sample = matrix.values(rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64))])
    tried = sample[np.unique(np.linspace(0, len(sample) - 1, _TRIED).astype(np.int64))]
    middle = sample.mean(axis=0)
    sample, tried = sample - middle, tried - middle
    squares = np.sum(tried**2, axis=1)[:, None] + np.sum(sample**2, axis=1) - 2.0 * tried @ sample.T
    count = max(1, int(_SHARE * len(sample)))
    reach = np.partition(squares, count - 1, axis=1)[:, count - 1]
    return np.asarray(tried[int(np.argmin(reach))] + middle)


def two_kinds(values: Values) -> tuple[float, float, float]:
    """Two normal distributions fitted to numbers (n,) by expectation and maximisation.

    Returns:
        Where they are equally likely between their means; Ashman's D, their distance in units of their widths; the
        share of the lower one.
    """
    cut = np.quantile(values, 0.5)
    low, high = values[values <= cut], values[values > cut]
    if not len(high):
        return float(cut), 0.0, 1.0
    means, widths, shares = np.array([low.mean(), high.mean()]), np.array([low.std(), high.std()]), np.array([0.5, 0.5])
    floor = max(1e-3 * float(values.std()), 1e-12)
    for _ in range(500):
        widths = np.maximum(widths, floor)
        weight = _densities(values, means, widths, shares)
        weight /= np.maximum(weight.sum(axis=0), np.finfo(float).tiny)
        total = np.maximum(weight.sum(axis=1), 1e-12)
        moved = weight @ values / total
        widths = np.sqrt(np.maximum((weight * (values - moved[:, None]) ** 2).sum(axis=1) / total, floor**2))
        shares = total / len(values)
        done, means = bool(np.abs(moved - means).max() < 1e-9), moved
        if done:
            break
    order = np.argsort(means)
    means, widths, shares = means[order], widths[order], shares[order]
    separation = float(np.sqrt(2) * (means[1] - means[0]) / np.hypot(*widths))
    between = np.linspace(means[0], means[1], 1001)
    apart = _densities(between, means, widths, shares)
    crossing = between[int(np.argmin(np.abs(np.diff(np.log(np.maximum(apart, np.finfo(float).tiny)), axis=0)[0])))]
    return float(crossing), separation, float(shares[0])


def _densities(values: Values, means: Values, widths: Values, shares: Values) -> Values:
    """(2, n)."""
    apart = (values - means[:, None]) / widths[:, None]
    density: Values = shares[:, None] / widths[:, None] * np.exp(-0.5 * apart**2)
    return density
