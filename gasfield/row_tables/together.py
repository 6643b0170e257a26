"""Who is where others are: clusters of near rows, the nearest row of each, and since when it has been near.

Distances between all pairs come from blocks of products of matrices, |x - y|² = |x|² + |y|² - 2 x·y, whose rounding is
at most of the order of D eps max|x|²; where a decision depends on it, the distance is computed again from differences.
In a periodic box, and in few dimensions, all distances are computed from differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gasfield.row_tables.travel import Progress, Steps, Values, frames_of
from gasfield.trajectory import Trajectory
from gasfield.trajectory.selection import Selection

MOST = 1 << 16
"""Rows among which all pairs are looked at."""
_PAIRS = 1 << 22
"""Pairs in a block."""
_EXACT = 1 << 16
"""Pairs whose distances are computed at a time from differences."""
_FEW = 4
"""Dimensions up to which differences are taken."""


@dataclass(frozen=True)
class Neighbours:
    """Who is near whom in one frame.

    Attributes:
        cluster: (N,) number of the cluster of each row, the largest first, from 0; -1 for a row by itself.
        size: (N,) rows in its cluster; 1 for a row by itself.
        nearest: (N,) index of the nearest other row; the first of them where several are as near but for rounding. -1
            where there is none.
        distance: (N,) to it [length]; NaN where there is none.
    """

    cluster: Steps
    size: Steps
    nearest: Steps
    distance: Values


def neighbours(places: Values, reach: float, periods: Values) -> Neighbours:
    """Clusters (single linkage: steps of at most `reach` lead from any row to any other) and nearest rows.

    Args:
        places: (N, D) [length]; rows with NaN are nowhere.
        reach: how near counts as near [length]; 0: at the same place.
        periods: (D,) sides of a periodic box, 0 along axes that are not periodic [length].
    """
    count = len(places)
    here = np.flatnonzero(np.isfinite(places).all(axis=1))
    label, nearest, distance = np.arange(count), np.full(count, -1), np.full(count, np.nan)
    space = _Space(places[here], periods)
    groups = np.arange(len(here))
    closest = np.full(len(here), -1)
    for block, squared in space.blocks():
        inner = np.arange(block.stop - block.start)
        pairs = _linked(space, block, squared, reach, groups)
        if len(pairs):
            groups = _merged(groups, pairs)
        squared[inner, inner + block.start] = np.inf
        least = squared.min(axis=1)
        closest[block] = np.argmax(squared <= least[:, None] + space.rounding, axis=1)
    if len(here) > 1:
        nearest[here] = here[closest]
        distance[here] = np.sqrt(space.exact(np.arange(len(here)), closest))
    label[here] = here[groups] if len(here) else label[here]
    return Neighbours(*_numbered(label), nearest, distance)


def near_since(
    trajectory: Trajectory,
    selection: Selection,
    pairs: NDArray[np.int64],
    reach: float,
    progress: Progress,
) -> Steps:
    """(P,) for pairs (P, 2) of indices into the rows of the selection: the step of the first frame from which on both
    rows are there and at most `reach` apart in every frame; -1 where they are not so in the last frame."""
    since = np.full(len(pairs), -1, np.int64)
    one, other = pairs.T
    for done, (step, places, here) in enumerate(frames_of(trajectory, selection), 1):
        apart = places[one].astype(np.float64) - places[other]
        near = here[one] & here[other]
        near[near] = np.sqrt(np.sum(_shortest(apart[near], trajectory.periods) ** 2, axis=1)) <= reach
        since = np.where(near, np.where(since < 0, step, since), -1)
        progress(done)
    return since


class _Space:
    """Places (N, D) and the distances between them."""

    def __init__(self, places: Values, periods: Values) -> None:
        self._periods = periods
        self._by_differences = bool(periods.any()) or places.shape[1] <= _FEW
        self._places = places if self._by_differences else places - places.mean(axis=0)
        self._norms = np.sum(self._places**2, axis=1)
        largest = float(self._norms.max(initial=0.0))
        self.rounding = 0.0 if self._by_differences else 8.0 * places.shape[1] * np.finfo(np.float64).eps * largest
        """How far squared distances of `blocks` may be off [length²]."""

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        """Squared distances (b, N) of blocks of rows to all rows."""
        count = len(self._places)
        size = max(1, _PAIRS // max(count, 1))
        for start in range(0, count, size):
            block = slice(start, min(start + size, count))
            yield block, self._squared(block)

    def _squared(self, block: slice) -> Values:
        some = self._places[block]
        if not self._by_differences:
            squared: Values = -2.0 * (some @ self._places.T)
            squared += self._norms
            squared += self._norms[block, None]
            np.maximum(squared, 0.0, out=squared)
            return squared
        squared = np.zeros((len(some), len(self._places)))
        for axis, period in enumerate(self._periods):
            squared += _shortest(some[:, axis, None] - self._places[:, axis], period) ** 2
        return squared

    def exact(self, one: Steps, other: Steps) -> Values:
        """(P,) squared distances of pairs of rows, from differences."""
        parts = [
            np.sum(_shortest(self._places[one[part]] - self._places[other[part]], self._periods) ** 2, axis=1)
            for part in (slice(start, start + _EXACT) for start in range(0, len(one), _EXACT))
        ]
        return np.concatenate(parts) if parts else np.empty(0)


def _linked(space: _Space, block: slice, squared: Values, reach: float, groups: Steps) -> NDArray[np.int64]:
    """(P, 2) groups of the near pairs of a block whose rows are not yet in one group."""
    one, other = np.nonzero((squared <= reach**2 + space.rounding) & (groups[block, None] != groups))
    if space.rounding:
        unsure = np.flatnonzero(squared[one, other] > reach**2 - space.rounding)
        keep = np.ones(len(one), np.bool_)
        keep[unsure] = space.exact(one[unsure] + block.start, other[unsure]) <= reach**2
        one, other = one[keep], other[keep]
    return np.stack([groups[one + block.start], groups[other]], axis=1)


def _merged(groups: Steps, pairs: NDArray[np.int64]) -> Steps:
    """Groups, each named by its first row, after those of pairs of groups (P, 2) have become one."""
    count = len(groups)
    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    _, first, of_row = np.unique(labels[groups], return_index=True, return_inverse=True)
    return np.asarray(first[of_row])


def _numbered(labels: Steps) -> tuple[Steps, Steps]:
    """Numbers (N,) and sizes (N,) of the clusters that labels (N,) describe: the largest first, and of equal ones that
    with the first row."""
    _, first, of_row, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    size = sizes[of_row]
    return np.where(size > 1, number[of_row], -1), size.astype(np.int64)


def _shortest(difference: Values, periods: Values | float) -> Values:
    """Differences of coordinates, to the nearest image along periodic axes."""
    sides = np.asarray(periods, np.float64)
    if not sides.any():
        return difference
    turns = np.rint(np.divide(difference, sides, out=np.zeros_like(difference), where=sides > 0))
    return np.asarray(difference - sides * turns)
