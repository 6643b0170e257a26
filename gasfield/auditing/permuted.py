"""Rows that stand in each other's places: as after a change of the order of a vocabulary.

Row i of a frame that stands in the place of row j is much nearer to where row j was in the frame before than to where
it was itself. By chance that happens too: some other row is always the nearest. The null is that the rows of the frame
before are points like those of the frame itself; then the distance d to the nearest other row of the frame before, and
the distance d0 to the nearest other row of the same frame, have the same law, and in k dimensions
P(d < r d0) = r^k / (1 + r^k), about r^k (nearest neighbours of two Poisson processes of one density). Of n rows M are
said to be permuted if each has p < 1/n², and together sum(-ln p - ln n) exceeds the logarithm of the number of pairs of
frames over the level: one of n places is chosen for each of them. Rows of one pair must be each other's nearest. No
distance counts as less than a unit in the last place of the numbers: on a lattice, points coincide. Where rows spread
out, as early in a training, the frame before is denser; so d0 is the smaller of the distances in either frame, around
the row and around the place that it is said to have taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing.finding import LEVEL
from gasfield.auditing.frame import ROUNDING, Frame, type_of
from gasfield.auditing.pairs import Motion

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

_FEW, _MANY = 512, 4096
"""Rows that are compared with each other: of every pair of frames, and where some of these are permuted."""
_NEAREST = 0.25
"""Squared distance of a permuted row from its former place, at most, over that from its own."""
_BLOCK = 1024


@dataclass(frozen=True)
class Permutation:
    """Which rows of a frame stand in whose places.

    Attributes:
        frame: index of the frame.
        rows: (M,) ids of rows, ascending.
        came_from: (M,) the row that was in the place of each.
        share: of the rows that were compared that are permuted.
    """

    frame: int
    rows: Indices
    came_from: Indices
    share: float

    def undoes(self, other: Permutation) -> bool:
        """Whether most rows of another permutation are put back by this one: it takes j to i where that took i to j."""
        back = dict(zip(self.came_from.tolist(), self.rows.tolist(), strict=True))
        pairs = zip(other.rows.tolist(), other.came_from.tolist(), strict=True)
        returned = [back.get(row) == source for row, source in pairs if row in back]
        return len(returned) > 0 and sum(returned) > len(returned) / 2


def permutation_of(index: int, pairs: int, before: Frame, after: Frame, motion: Motion) -> Permutation | None:
    """The rows of a frame that are permuted; None if there are none.

    Args:
        index: of the frame.
        pairs: number of pairs of frames that are looked at.
        before: (N, D) the frame before.
        after: the frame.
        motion: of the rows between them.
    """
    moved = np.flatnonzero(motion.squares > 0)
    few = _most_turned(moved, motion, _FEW)
    found = _permuted(few, before, after, motion, pairs, certain=False)
    if found is not None and len(moved) > _FEW:
        found = _permuted(_most_turned(moved, motion, _MANY), before, after, motion, pairs, certain=True)
    elif found is not None:
        found = _permuted(few, before, after, motion, pairs, certain=True)
    return None if found is None else Permutation(index, *found)


def _most_turned(rows: Indices, motion: Motion, most: int) -> Indices:
    """The rows that have moved most, in units of their distance from the centre."""
    order = np.argsort(-motion.turned[rows], kind="stable")[:most]
    return np.sort(rows[order])


def _permuted(
    rows: Indices, before: Frame, after: Frame, motion: Motion, pairs: int, *, certain: bool
) -> tuple[Indices, Indices, float] | None:
    """Rows, where they came from, and their share; if not `certain`, any match is enough."""
    if len(rows) < 2:
        return None
    x, y = before.rows(rows).astype(np.float64), after.rows(rows).astype(np.float64)
    d, place, mutual = _nearest_other(y, x)
    d0 = np.minimum(_nearest_other(y, y)[0], _nearest_other(x, x)[0][place])
    k = _dimensions(y)
    n = len(rows)
    unit = (2.0 * ROUNDING.get(type_of(after), 0.0)) ** 2 * np.sum(y * y, axis=1) + np.finfo(float).tiny
    surprise = 0.5 * k * np.log(np.maximum(d0, unit) / np.maximum(d, unit))  # -ln p; d and d0 are squares
    matched = mutual & (d < _NEAREST * motion.squares[rows]) & (surprise > 2 * np.log(n))
    if not certain:
        return (rows[matched], rows[place[matched]], 1.0) if matched.any() else None
    evidence = float(np.sum(surprise[matched] - np.log(n)))
    if matched.sum() < 2 or evidence < np.log(pairs / LEVEL):
        return None
    return rows[matched], rows[place[matched]], float(matched.mean())


def _nearest_other(some: Values, others: Values) -> tuple[Values, Indices, NDArray[np.bool_]]:
    """For each row (n, D) the squared distance to the nearest row of others (n, D) with another number, its number,
    and whether each is nearest to the other."""
    n = len(some)
    centre = others.mean(axis=0)
    a, b = some - centre, others - centre
    squares = np.sum(b * b, axis=1)
    least, place = np.empty(n), np.empty(n, np.int64)
    back, whose = np.full(n, np.inf), np.full(n, -1, np.int64)
    for start in range(0, n, _BLOCK):
        part = slice(start, min(start + _BLOCK, n))
        apart = squares[None, :] - 2.0 * (a[part] @ b.T) + np.sum(a[part] ** 2, axis=1)[:, None]
        apart[np.arange(part.stop - start), np.arange(start, part.stop)] = np.inf
        place[part] = apart.argmin(axis=1)
        nearest = apart.argmin(axis=0)
        values = apart[nearest, np.arange(n)]
        closer = values < back
        back[closer], whose[closer] = values[closer], nearest[closer] + start
    least = np.sum((some - others[place]) ** 2, axis=1)
    return least, place, whose[place] == np.arange(n)


def _dimensions(rows: Values) -> float:
    """The participation ratio of the covariance of rows: the number of directions in which they scatter."""
    centred = rows - rows.mean(axis=0)
    centred /= max(float(np.max(np.abs(centred), initial=0.0)), np.finfo(float).tiny)  # fourth powers are summed
    gram = centred.T @ centred if rows.shape[1] < len(rows) else centred @ centred.T
    total = float(np.sum(gram * gram))
    return float(np.trace(gram) ** 2 / total) if total > 0 else 0.0
