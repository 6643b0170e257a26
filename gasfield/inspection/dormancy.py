"""Classification of dead rows from a matrix alone.

A row that never occurs is moved by the softmax field alone, and the field is nearly the same for all of them: they
drift together, and if they were drawn from one distribution they remain one cluster, while each row that occurs is
moved individually. The dead rows therefore cluster around one point, and the distance from it is the score. The point
is the centre of the densest part of the rows, found by concentration steps (Rousseeuw and Van Driessen 1999): the mean
of the nearest rows is the next centre, until the set of nearest rows is unchanged. The start is the candidate row with
the nearest neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasfield.embedding import Indices, Matrix, Values

_SHARE = 0.1
"""Share of the rows from which the centre is computed; at most the dead share, or live rows shift it."""
_ROUNDS = 50
_SAMPLE, _TRIED = 4096, 256
_PARTED = 2.0
"""Ashman's D above which two components are separated (Ashman, Bird and Zepf 1994)."""
_LEAST = 20
"""Number of rows below which none is classified."""


@dataclass(frozen=True)
class Dormancy:
    """Distances of rows from the centre of the dead cluster.

    Attributes:
        scores: (n,) minus the distance from the centre, in units of the median distance of the nearest tenth.
        threshold: rows with a score above it are classified as dead; None if the distances are not bimodal.
        separation: Ashman's D of the two components.
        share: fraction of rows classified as dead; 0 without a threshold.
    """

    scores: Values
    threshold: float | None
    separation: float
    share: float


def dormancy(matrix: Matrix, rows: Indices) -> Dormancy:
    """Scores rows and tests whether their distances are bimodal.

    Args:
        matrix: the embedding.
        rows: (n,) ids of finite rows.
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
    """(D,) centre of the densest part of the rows (n,)."""
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
    """(n,) distances of rows from a point (D,)."""
    distances = np.empty(len(rows))
    for place, positions in matrix.blocks(rows):
        distances[place] = np.linalg.norm(positions - centre, axis=1)
    return distances


def _beginning(matrix: Matrix, rows: Indices) -> Values:
    """(D,) the candidate row with the smallest distance to its 10% quantile of neighbours in a sample."""
    sample = matrix.values(rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64))])
    tried = sample[np.unique(np.linspace(0, len(sample) - 1, _TRIED).astype(np.int64))]
    middle = sample.mean(axis=0)
    sample, tried = sample - middle, tried - middle
    squares = np.sum(tried**2, axis=1)[:, None] + np.sum(sample**2, axis=1) - 2.0 * tried @ sample.T
    count = max(1, int(_SHARE * len(sample)))
    reach = np.partition(squares, count - 1, axis=1)[:, count - 1]
    return np.asarray(tried[int(np.argmin(reach))] + middle)


def two_kinds(values: Values) -> tuple[float, float, float]:
    """Fits a mixture of two normal distributions to numbers (n,) by expectation-maximisation.

    Returns:
        The point between the means at which the components are equally likely; Ashman's D, the distance of the means
        in units of the widths; the weight of the lower component.
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
    """(2, n) weighted densities of the components, up to a common factor."""
    apart = (values - means[:, None]) / widths[:, None]
    density: Values = shares[:, None] / widths[:, None] * np.exp(-0.5 * apart**2)
    return density
