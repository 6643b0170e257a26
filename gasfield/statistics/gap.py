"""How many groups points fall into, one being a possible answer: the gap statistic.

W_k is the sum of squared distances of n points to the nearest of k centres (k-means), and gap(k) is <log W_k> of points
drawn uniformly from the box of the principal axes, minus log W_k, with s_k = sd sqrt(1 + 1/B) over B such sets. The
number of groups is the smallest k with gap(k) >= gap(k + 1) - s_(k+1) (Tibshirani, Walther and Hastie, J. R. Stat.
Soc. B 63:411, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_STARTS, _SWEEPS = 8, 100


@dataclass(frozen=True)
class Gap:
    """gap(k) and s_k, each (K,) for k = 1, ..., K."""

    values: Values
    errors: Values

    @property
    def count(self) -> int:
        """The number of groups, at most K - 1; K where no smaller one passes."""
        enough = self.values[:-1] >= self.values[1:] - self.errors[1:]
        return int(np.argmax(enough)) + 1 if enough.any() else len(self.values)


def gap_statistic(points: Values, most: int, chance: np.random.Generator, references: int = 40) -> Gap:
    """Of points (n, m), for 1 to `most` groups; n must be more than `most`.

    Raises:
        ValueError: if there are too few points.
    """
    if len(points) <= most:
        raise ValueError(f"{len(points)} points cannot be told from {most} groups")
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    own = np.log([within(turned, k, chance) for k in range(1, most + 1)])
    drawn = [low + (high - low) * chance.random(turned.shape) for _ in range(references)]
    null = np.log([[within(sample, k, chance) for k in range(1, most + 1)] for sample in drawn])
    return Gap(null.mean(axis=0) - own, null.std(axis=0) * np.sqrt(1.0 + 1.0 / references))


def within(points: Values, groups: int, chance: np.random.Generator) -> float:
    """The least sum of squared distances of points (n, m) to the nearest of so many centres, over some starts of
    Lloyd's iteration from distant points (k-means++)."""
    return min(_lloyd(points, _distant(points, groups, chance)) for _ in range(_STARTS if groups > 1 else 1))


def _distant(points: Values, groups: int, chance: np.random.Generator) -> Values:
    centres = [points[chance.integers(len(points))]]
    while len(centres) < groups:
        squares = _squares(points, np.array(centres)).min(axis=1)
        total = squares.sum()
        chosen = chance.choice(len(points), p=squares / total) if total > 0 else chance.integers(len(points))
        centres.append(points[chosen])
    return np.array(centres)


def _lloyd(points: Values, centres: Values) -> float:
    nearest = np.full(len(points), -1)
    for _ in range(_SWEEPS):
        found = _squares(points, centres).argmin(axis=1)
        if np.array_equal(found, nearest):
            break
        nearest = found
        for k in np.unique(nearest):
            centres[k] = points[nearest == k].mean(axis=0)
    return float(_squares(points, centres).min(axis=1).sum())


def _squares(points: Values, centres: Values) -> Values:
    squares: Values = np.sum((points[:, None] - centres) ** 2, axis=2)
    return squares
