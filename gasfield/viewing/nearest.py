"""The nearest neighbours of every row, exactly, in the space of the rows (Euclidean distance).

Squared distances come from matrix products of blocks of rows, |x|^2 + |y|^2 - 2 x.y, whose error is bounded; whatever
this bound leaves among the nearest is measured again from differences of coordinates. Equal distances are in the order
of the rows. Identical rows are looked up once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

_BLOCK_NUMBERS = 1 << 20
"""Distances that are in memory at a time."""
_STRIPE = 64
"""Rows whose least distance is taken together, to bound the k-th least one."""


def nearest_rows(points: Values, count: int = 10) -> Rows:
    """The nearest other rows of each row.

    Args:
        points: (N, D); rows that are not finite are nobody's neighbours and have none.
        count: k.

    Returns:
        (N, k) row numbers by distance, equal ones by row; -1 where there are fewer than k others.
    """
    found = np.full((len(points), count), -1, np.int64)
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(known) < 2:
        return found
    twins = _Twins.of(np.ascontiguousarray(points[known]))
    places = points[known[twins.first]].astype(np.float64)
    for block, candidates in _candidates(places - places.mean(axis=0), count):
        for one, others in zip(block, candidates, strict=True):
            _fill(found, known, twins, places, one, others, count)
    return found


def nearest_of(points: Values, row: int, count: int = 10) -> tuple[Rows, NDArray[np.float64]]:
    """The nearest other rows of one row, as `nearest_rows`, and their distances; fewer where there are fewer."""
    if not np.isfinite(points[row]).all():
        return np.empty(0, np.int64), np.empty(0)
    distances = np.sqrt(_squared(points.astype(np.float64, copy=False), points[row].astype(np.float64)))
    distances[row] = np.inf
    order = np.lexsort((np.arange(len(points)), distances))[:count]
    order = order[np.isfinite(distances[order])]
    return order, distances[order]


class _Twins:
    """Rows that are bit for bit the same: `first` (U,) of each class, and the members of each, ascending."""

    def __init__(self, first: Rows, order: Rows, starts: Rows) -> None:
        self.first, self._order, self._starts = first, order, starts

    @classmethod
    def of(cls, points: Values) -> _Twins:
        whole = points + points.dtype.type(0)  # -0 becomes 0
        keys = np.ascontiguousarray(whole).view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        starts = np.searchsorted(inverse[order], np.arange(len(first) + 1))
        return cls(first, order, starts)

    def members(self, one: int) -> Rows:
        return self._order[self._starts[one] : self._starts[one + 1]]


def _fill(found: Rows, known: Rows, twins: _Twins, places: Values, one: int, others: Rows, count: int) -> None:
    """Writes the neighbours of all members of one class of identical rows, from the classes that may be nearest."""
    own = twins.members(one)
    squared = _squared(places[others], places[one])
    near = np.argsort(squared, kind="stable")
    members = [own[: count + 1], *(twins.members(other)[:count] for other in others[near])]
    distances = np.repeat([0.0, *squared[near]], [len(part) for part in members])
    rows = np.concatenate(members)
    order = np.lexsort((rows, distances))
    rows = rows[order]
    for member in own:
        mine = rows[rows != member][:count]
        found[known[member], : len(mine)] = known[mine]


def _candidates(points: NDArray[np.float64], count: int) -> Any:
    """Blocks of rows of distinct points, and for each row the others that may be among its k nearest."""
    size = len(points)
    squares = np.einsum("nd,nd->n", points, points)
    # |error| of |x|^2 + |y|^2 - 2 x.y: each product of D terms errs by at most D u |x||y| <= D u max |x|^2.
    slack = 8.0 * (points.shape[1] + 2) * np.finfo(np.float64).eps * float(squares.max(initial=0.0))
    step = max(1, _BLOCK_NUMBERS // size)
    padded = -(-size // _STRIPE) * _STRIPE
    for start in range(0, size, step):
        block = np.arange(start, min(start + step, size))
        apart = np.full((len(block), padded), np.inf)
        np.matmul(points[block] * -2.0, points.T, out=apart[:, :size])
        apart[:, :size] += squares
        apart[np.arange(len(block)), block] = np.inf
        # Each stripe of rows has one that is at least as near as its least: the k-th least of these bounds the k-th.
        least = apart.reshape(len(block), _STRIPE, -1).min(axis=1)
        place = min(count, least.shape[1]) - 1
        bound = np.partition(least, place, axis=1)[:, place] if least.shape[1] >= count else np.full(len(block), np.inf)
        close = apart <= (bound + slack)[:, None]
        close[:, size:] = False
        close[np.arange(len(block)), block] = False
        where, other = np.nonzero(close)
        yield block, np.split(other, np.searchsorted(where, np.arange(1, len(block))))


def _squared(points: Values, place: Values) -> NDArray[np.float64]:
    """(n,) squared distances from differences of coordinates."""
    apart = points - place
    squared: NDArray[np.float64] = np.einsum("nd,nd->n", apart, apart)
    return squared
