"""The path of a training through the space of its matrices: distances between all frames, and how well they are known.

Distances are those of a sample of coordinates. A squared distance is a sum over coordinates; if its terms were normal
and independent, k = 3 (sum δ²)² / sum δ⁴ of them would scatter as the given ones do, and one that is expected to be E
is smaller than E/4 or so only with the probability of a sum of k squares. Rare large terms make k small: where almost
all rows stand still, k is about three times the number of the coordinates that move.

Of the part that is not smooth, also the directions may be few. It is seen in the second differences h of the path:
their cosines have the mean square 1/k' in k' independent directions.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_BLOCK = 1 << 22
"""Numbers that are converted at a time."""
_HALF_NORMAL_SQUARED = 0.4549
"""Median of the square of a normal number of variance 1."""
_FEW = 10
"""Least number of pairs of second differences."""
_CANCELLED = 1e-12
"""Relative error of squared distances, which are differences of inner products."""
_WINDOW = 4
"""Frames on each side of one over which the size of second differences is taken."""


class Path:
    """Frames of one series, in order.

    Attributes:
        steps: (T,) of the frames, ascending.
    """

    def __init__(self, samples: NDArray[np.floating], steps: NDArray[np.int64], rounding: Values) -> None:
        """Computes the distances.

        Args:
            samples: (T, n, d) coordinates of a sample of rows.
            steps: (T,).
            rounding: (T,) largest relative error of the numbers of each frame; of a series of one number type 0.
        """
        self.steps, self._samples = steps, samples.reshape(len(samples), -1)
        gram = self._gram(self._samples.mean(axis=0))
        self._centred = gram
        squares = np.diagonal(gram)
        self._squares = np.maximum(squares[:, None] + squares[None, :] - 2.0 * gram, 0.0)
        size = np.array([float(np.sum(np.square(each, dtype=np.float64))) for each in self._samples])
        self._rounding = rounding**2 * size
        rows = samples.shape[1]
        middles = samples.mean(axis=1, dtype=np.float64)
        self._rows = self._gram(None) - rows * (middles @ middles.T)
        self._dimensions: dict[tuple[int, int], float] = {}

    def _gram(self, centre: NDArray[np.floating] | None) -> Values:
        """(T, T) inner products of the frames, relative to a centre (n d,)."""
        frames, numbers = self._samples.shape
        gram, width = np.zeros((frames, frames)), max(1, _BLOCK // frames)
        for start in range(0, numbers, width):
            part = slice(start, start + width)
            block = self._samples[:, part].astype(np.float64)
            block -= 0.0 if centre is None else centre[part]
            gram += block @ block.T
        return gram

    def __len__(self) -> int:
        return len(self.steps)

    def squares(self, one: int) -> Values:
        """(T,) squared distances of all frames from one."""
        return np.asarray(self._squares[one])

    def square(self, one: int, other: int) -> float:
        """The squared distance of two frames."""
        return float(self._squares[one, other])

    def cosine(self, one: int, other: int) -> float:
        """The cosine of two frames, each relative to the mean of its rows."""
        size = np.sqrt(self._rows[one, one]) * np.sqrt(self._rows[other, other])  # the square may be no number
        return float(self._rows[one, other] / size) if size > 0 else 0.0

    def dimensions(self, one: int, other: int) -> float:
        """k of the distance of two frames."""
        key = (min(one, other), max(one, other))
        if key not in self._dimensions:
            difference = self._samples[one].astype(np.float64) - self._samples[other]
            largest = float(np.max(np.abs(difference), initial=0.0))
            squares = (difference / largest) ** 2 if largest > 0 else difference  # fourth powers may be no numbers
            fourth = float(np.sum(squares * squares))
            self._dimensions[key] = 3.0 * float(np.sum(squares)) ** 2 / fourth if fourth > 0 else 0.0
        return self._dimensions[key]

    def noise(self, one: int, other: int, certainty: float) -> float:
        """How much smaller than expected a squared distance from frame `one` may be by chance.

        Args:
            one: a frame.
            other: its neighbour; a distance is expected to be at least that of the two.
            certainty: logarithm of the inverse of the probability of more.
        """
        k = self.dimensions(one, other)
        own = self.square(one, other) / k if k > 0 else 0.0
        shaken = 2.0 * self._roughness[one] / self._rough_dimensions
        cancelled = _CANCELLED * (self._centred[one, one] + self._centred[other, other])
        return float(certainty * (own + shaken) + cancelled + self._rounding[one] + self._rounding[other])

    @cached_property
    def _rough(self) -> tuple[Values, Values]:
        """(T - 2, T - 2) inner products of second differences, and (T - 2,) their squares."""
        count = len(self)
        differ = np.zeros((max(0, count - 2), count))
        for row in range(count - 2):
            before, here, after = self.steps[row : row + 3].astype(np.float64)
            weight = (after - here) / (after - before)
            differ[row, row : row + 3] = -weight, 1.0, weight - 1.0
        products = differ @ self._centred @ differ.T
        return products, np.maximum(np.diagonal(products), 0.0)

    @cached_property
    def _roughness(self) -> Values:
        """(T,) squared second difference around each frame: the median over those near it."""
        _, squares = self._rough
        if not len(squares):
            return np.zeros(len(self))
        near = [squares[max(0, at - 1 - _WINDOW) : at + _WINDOW] for at in range(len(self))]
        return np.array([np.median(part) if len(part) else 0.0 for part in near])

    @cached_property
    def _rough_dimensions(self) -> float:
        """k' from second differences without a common frame, of few frames from the distances between them: by the
        median, which a few misplaced frames leave as it is."""
        cosines = _cosines(self._rough[0], 3)
        if len(cosines) < _FEW:
            way = np.diff(np.eye(len(self)), axis=0)
            cosines = _cosines(way @ self._centred @ way.T, 2)
        return max(1.0, _HALF_NORMAL_SQUARED / max(float(np.median(cosines**2)), 1e-12)) if len(cosines) else 1.0


def _cosines(products: Values, apart: int) -> Values:
    """Cosines between vectors whose inner products are given, of those that are so many places apart or more."""
    sizes = np.sqrt(np.maximum(np.diagonal(products), 0.0))
    size = sizes[:, None] * sizes[None, :]
    wanted = np.triu(np.ones(products.shape, bool), apart) & (size > 0)
    return np.asarray(products[wanted] / size[wanted])
