"""What a bfloat16 cast of many rows shows: groups of identical rows, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.bfloat16 import keys, round_to_bfloat16
from gasfield.statistics.product_structure import independence

Single = NDArray[np.float32]
Values = NDArray[np.float64]
Cells = NDArray[Any]

DRAWS = 199
MOST_COLUMNS = 60
"""Split coordinates up to which a product is tested."""
NEAR_ZERO = 0.03
"""Times the median |W|: below it a cell is small, and a narrow cloud is many cells wide."""
RARE = 0.01
"""Share of rows below which a value is not counted as one of two sides."""
ON_SIDES = 0.95
"""Share of rows on such sides, without which a coordinate is not divided but spread out."""


@dataclass(frozen=True)
class Cast:
    """The groups of a cast.

    Attributes:
        sizes: rows of each group of two or more identical rows, the largest first.
        singles: rows without a twin.
        split: coordinates in which not all rows have the same value.
        p_value: of the independence of these coordinates over the rows; NaN if there is nothing, or too much.
        alike: pairs of split coordinates that divide the rows in the same way (|phi| > 0.9, both sides above 1%).
        leaps: coordinates not near zero in which the cells between two sides (each above 1%) are empty.
        widest: the largest difference in one coordinate [cells].
    """

    sizes: tuple[int, ...]
    singles: int
    split: int
    p_value: float
    alike: int
    leaps: int
    widest: int

    @property
    def groups(self) -> int:
        """Of two or more rows."""
        return len(self.sizes)


def cast_of(columns: Single) -> Cast:
    """That of float32 rows, given as columns (D, N)."""
    cells = keys(round_to_bfloat16(columns))
    split = np.flatnonzero(cells.min(axis=1) < cells.max(axis=1))
    sizes = np.abs(columns.mean(axis=1, dtype=np.float64))
    return describe(cells[split].T, sizes[split] / np.median(sizes))


def describe(cells: Cells, sizes: Values) -> Cast:
    """Of the split coordinates of rows (N, k), and their |W| over its median (k,)."""
    rows, columns = cells.shape
    counts = np.unique(cells, axis=0, return_counts=True)[1] if columns else np.array([rows])
    p_value = float("nan")
    if 2 <= columns <= MOST_COLUMNS and len(counts) < 0.9 * rows:
        p_value = independence(cells - cells.min(axis=0), draws=DRAWS).p_value
    sides = [_sides(column) for column in cells.T]
    return Cast(
        sizes=tuple(sorted((int(n) for n in counts if n > 1), reverse=True)),
        singles=int(np.sum(counts == 1)),
        split=columns,
        p_value=p_value,
        alike=_alike(cells, sides) if columns <= 500 else -1,
        leaps=sum(_leaps(*pair) for *pair, size in zip(cells.T, sides, sizes, strict=True) if size > NEAR_ZERO),
        widest=int((cells.max(axis=0) - cells.min(axis=0)).max()) if columns else 0,
    )


def _sides(column: Cells) -> Cells:
    """The values of more than a few rows, ascending."""
    values, counts = np.unique(column, return_counts=True)
    return np.asarray(values[counts > RARE * len(column)])


def _leaps(column: Cells, side: Cells) -> bool:
    """Whether cells between two sides are empty, where sides hold nearly all rows."""
    return len(side) > 1 and bool(np.diff(side).max() > 1) and np.isin(column, side).mean() > ON_SIDES


def _alike(cells: Cells, sides: Sequence[Cells]) -> int:
    """Pairs of coordinates that divide the rows at their widest gaps in the same way."""
    divided = [cells[:, k] > side[int(np.argmax(np.diff(side)))] for k, side in enumerate(sides) if len(side) > 1]
    return sum(bool(abs(np.corrcoef(one, other)[0, 1]) > 0.9) for one, other in combinations(divided, 2))


def groups_of(columns: Single) -> tuple[Cells, Cells]:
    """The different rows of a cast in its split coordinates (n, k), the commonest first, and how many there are of
    each (n,)."""
    cells = keys(round_to_bfloat16(columns))
    split = cells.min(axis=1) < cells.max(axis=1)
    rows, counts = np.unique(cells[split].T, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return rows[order], counts[order]


def predicted_split(columns: Single) -> float:
    """Expected number of split coordinates: a range r of the masters meets a boundary with probability min(1, r/cell),
    the sum over all coordinates."""
    cell = np.spacing(np.abs(columns.mean(axis=1, dtype=np.float64)).astype(np.float32)).astype(np.float64) * 2.0**16
    return float(np.minimum(1.0, np.ptp(columns, axis=1).astype(np.float64) / cell).sum())
