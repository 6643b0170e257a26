"""Classification of dead rows from a matrix alone.

A row that never occurs is moved by the softmax field alone, and the field is nearly the same for all of them: they
drift together, and if they were drawn from one distribution they remain one cluster, while each row that occurs is
moved individually. The dead rows therefore cluster around one point, and the distance from it is the score. The point
is the centre of the densest part of the rows, a tenth or less, found by concentration steps (Rousseeuw and Van
Driessen 1999): the mean of the nearest rows is the next centre, until the set of nearest rows is unchanged. The start
is the candidate row with the nearest neighbours.

Rows are classified if their distances form two classes (`two_classes`). In D dimensions the logarithm of the distance
of normal rows has the width 1/sqrt(2 D) if they scatter equally in all dimensions, and more if they do not; no class
is narrower. One artefact remains: rows along one line, at a distance a from it, pile up at the distance a from any
point of the line. Where one axis dominates, the classes must therefore also be seen without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gasfield.embedding import Indices, Matrix, Values
from gasfield.inspection.two_classes import TwoClasses, two_classes

_SHARES = (0.1, 0.03, 0.01)
"""Shares of the rows from which the centre is computed, tried in turn until there are two classes. Where the share is
larger than that of the dead rows, live ones shift the centre."""
_ROUNDS = 50
_SAMPLE, _TRIED = 4096, 256
_DOMINANT = 2 / 3
"""Share of the mean squared distance beyond which one axis dominates."""
_POWERS = 30
"""Iterations of the power method for the axis."""
_NEAREST = 1e-6
"""Least distance, in units of the median, so that its logarithm is finite."""


@dataclass(frozen=True)
class Dormancy:
    """Distances of rows from the centre of the dead cluster.

    Attributes:
        scores: (n,) minus the distance from the centre, in units of the median distance of the nearest rows (a tenth,
            or the share that gave two classes).
        probability: (n,) that a row belongs to the dense class; zeros if there are no two classes.
        threshold: the score at which both classes are equally likely; None if there are no two classes.
        significance: of the valley between the classes, in standard errors.
        separation: Ashman's D of the two classes.
        why_not: why the distances are not two classes; None if they are.
    """

    scores: Values
    probability: Values
    threshold: float | None
    significance: float
    separation: float
    why_not: str | None = None


def dormancy(matrix: Matrix, rows: Indices) -> Dormancy:
    """Scores rows, and divides them into two classes if their distances do.

    Args:
        matrix: the embedding.
        rows: (n,) ids of finite rows, n >= 1.
    """
    tried = [_about(densest(matrix, rows, _SHARES[0]), matrix, rows, _SHARES[0])]
    while tried[-1].why_not is not None and len(tried) < len(_SHARES):
        share = _SHARES[len(tried)]
        tried.append(_about(densest(matrix, rows, share), matrix, rows, share))
    return tried[-1] if tried[-1].why_not is None else tried[0]


def _about(centre: Values, matrix: Matrix, rows: Indices, share: float) -> Dormancy:
    """The scores and classes about a centre (D,), that of a share of the rows."""
    distances = distances_from(centre, matrix, rows)
    near = float(np.median(np.sort(distances)[: max(1, int(share * len(rows)))]))
    if not near:
        nothing = f"{share:.0%} of the rows coincide"
        return Dormancy(-distances, np.zeros(len(rows)), None, 0.0, 0.0, nothing)
    classes = _classes(distances, matrix)
    if classes.why_not is None:
        classes = _without_axis(classes, centre, distances, matrix, rows)
    threshold = None if classes.why_not else float(-np.exp(classes.threshold) / near)
    scores = -distances / near
    return Dormancy(scores, classes.probability, threshold, classes.significance, classes.separation, classes.why_not)


def _classes(distances: Values, matrix: Matrix) -> TwoClasses:
    """Two classes of the logarithm of distances (n,)."""
    least = _NEAREST * max(float(np.median(distances)), np.finfo(float).tiny)
    return two_classes(np.log(np.maximum(distances, least)), 1 / np.sqrt(2 * matrix.dimensions))


def _without_axis(classes: TwoClasses, centre: Values, distances: Values, matrix: Matrix, rows: Indices) -> TwoClasses:
    """The classes, refused if they are those of rows along one line."""
    axis = _leading_axis(centre, matrix, rows)
    along = np.empty(len(rows))
    for place, positions in matrix.blocks(rows):
        along[place] = (positions - centre) @ axis
    if np.sum(along**2) <= _DOMINANT * np.sum(distances**2) or matrix.dimensions == 1:
        return classes
    rest = _classes(np.sqrt(np.maximum(distances**2 - along**2, 0.0)), matrix)
    if rest.why_not is None:
        return classes
    why_not = "one direction dominates the distances, and without it there are no two classes"
    return replace(classes, probability=np.zeros(len(rows)), why_not=why_not)


def _leading_axis(centre: Values, matrix: Matrix, rows: Indices) -> Values:
    """(D,) unit vector of the largest mean square about the centre, of a sample of rows, by the power method."""
    sample = matrix.values(rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64))]) - centre
    sample /= max(float(np.abs(sample).max()), np.finfo(float).tiny)
    axis = sample[int(np.argmax(np.sum(sample**2, axis=1)))]
    for _ in range(_POWERS):
        axis = axis / max(float(np.linalg.norm(axis)), np.finfo(float).tiny)
        axis = sample.T @ (sample @ axis)
    return np.asarray(axis / max(float(np.linalg.norm(axis)), np.finfo(float).tiny))


def densest(matrix: Matrix, rows: Indices, share: float = _SHARES[0]) -> Values:
    """(D,) centre of the densest part of the rows (n,), a share of them."""
    count = max(1, int(share * len(rows)))
    centre = _beginning(matrix, rows, share)
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


def _beginning(matrix: Matrix, rows: Indices, share: float) -> Values:
    """(D,) the candidate row to which that share of a sample is nearest."""
    sample = matrix.values(rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(np.int64))])
    tried = sample[np.unique(np.linspace(0, len(sample) - 1, _TRIED).astype(np.int64))]
    middle = sample.mean(axis=0)
    sample, tried = sample - middle, tried - middle
    squares = np.sum(tried**2, axis=1)[:, None] + np.sum(sample**2, axis=1) - 2.0 * tried @ sample.T
    count = max(1, int(share * len(sample)))
    reach = np.partition(squares, count - 1, axis=1)[:, count - 1]
    return np.asarray(tried[int(np.argmin(reach))] + middle)
