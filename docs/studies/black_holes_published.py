"""The published black holes: what is known of the dead rows of four models, number by number.

Qwen3-4B-Instruct-2507 (151,936 x 2,560, bfloat16) has 2,100 rows in 13 groups of identical rows. They differ in 20
coordinates, whose bits are printed in notebook 1.9d of J. Harrell, Azimuth II (github.com/Embedding-Space/Azimuth_II,
archive/box_3), MIT licence; norms and singles are from 1.9g and Workshop (jefferyharrell/Workshop). Counts of the other
models are from its notebooks 11.1a and 07.3m (archive/box_1). Nothing here is simulated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZES = (814, 704, 306, 228, 11, 10, 6, 5, 4, 4, 3, 3, 2)
"""Rows of the groups, in the order of the columns below."""
SINGLES = 39
"""Further rows that have all exponents in common with these groups, each by itself."""
MEDIAN_SIZE = 0.0049
"""Median |W| of a coordinate of a Gaussian row of the published norm, 0.371, in 2,560 dimensions: an estimate."""

CELLS: dict[int, tuple[float, str]] = {
    216: (-1.7e-3, "1 1 1 1 0 1 0 1 1 1 1 1 1"),
    282: (-3.5e-3, "0 0 1 0 0 1 0 1 0 1 0 0 0"),
    322: (3.4e-3, "0 2 2 0 0 0 2 2 0 2 2 0 2"),
    450: (-2.0e-4, "0 0 0 0 0 0 0 0 0 1 0 0 0"),
    993: (-3.1e-4, "0 0 0 0 0 1 0 0 0 1 0 0 0"),
    1008: (-1.7e-6, "1 1 5 1 1 5 5 5 1 5 1 0 1"),
    1149: (3.1e-5, "1 1 1 1 1 1 1 1 1 0 1 1 1"),
    1155: (-8.4e-4, "0 0 0 0 0 0 0 1 0 1 0 0 0"),
    1272: (-1.3e-4, "0 1 1 0 0 1 1 0 0 1 1 0 1"),
    1382: (-1.1e-6, "1 3 3 1 1 1 5 11 2 9 3 0 3"),
    1403: (-8.5e-3, "1 1 1 1 1 1 1 1 1 0 1 1 1"),
    1435: (-3.6e-6, "0 0 0 0 0 0 0 0 0 0 2 0 1"),
    1487: (2.3e-4, "8 8 0 8 8 0 8 0 8 8 0 8 8"),
    1564: (-2.4e-3, "1 0 1 0 0 1 0 1 1 1 0 1 0"),
    1763: (2.4e-4, "1 1 1 1 1 1 1 0 1 1 1 1 1"),
    2012: (-8.9e-4, "1 1 1 1 1 1 1 1 1 0 1 1 1"),
    2040: (8.2e-5, "1 0 1 1 1 1 1 1 1 1 1 1 0"),
    2079: (5.8e-5, "1 0 1 1 1 1 1 1 1 1 1 1 0"),
    2143: (-4.6e-3, "0 0 0 0 0 0 0 1 0 0 0 0 0"),
    2479: (1.7e-3, "1 1 1 1 1 1 1 1 1 0 1 1 1"),
}
"""Coordinate -> its value, and the cell of each group, counted in the order of the bits from the smallest."""

OTHER_GROUPS = {"Qwen3-4B-Base": 62, "Qwen2.5-3B-Instruct": 60, "Llama 3.2 3B": 0, "Gemma 3 4B": 0}
"""Model -> groups of identical rows."""
BASE_SIZES = (582, 456, 296, 159, 99, 80, 56, 52, 45, 36, 30, 29, 26, 24, 19, 16, 15, 10)
"""The largest of the 62 of Qwen3-4B-Base."""

PADDING = 151_643
"""The first id of special and padding rows in the Qwen vocabulary."""
WHOLE_GROUPS = (
    (19, 0), (17, 17), (16, 0), (15, 0), (14, 14), (12, 10), (10, 0), (9, 0), (7, 0), (7, 0), (7, 0), (6, 0), (6, 0),
    (6, 0), (6, 0), (5, 0), (5, 0), (5, 0), (5, 0), (5, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 0), (4, 4),
    (3, 0), (3, 0), (3, 0), (2, 0), (2, 0), (2, 0), (2, 0), (2, 0), (2, 0), (2, 0), (2, 0), (2, 0), (2, 0),
)  # fmt: skip
"""Of the groups of Qwen2.5-3B-Instruct whose ids are all printed (07.3m): rows, and how many of them are padding."""


def cells() -> NDArray[np.int64]:
    """(2100, 20) cells of every row."""
    return np.repeat(np.array([text.split() for _, text in CELLS.values()], np.int64).T, SIZES, axis=0)


def values() -> NDArray[np.float64]:
    """(20,) of the coordinates."""
    return np.array([value for value, _ in CELLS.values()])


def product_null(draws: int, seed: int = 0) -> NDArray[np.int64]:
    """(draws, 2) groups of two or more, and single rows, if the entries of every coordinate are permuted over the
    rows: what independent coordinates with the published shares give."""
    source, columns, found = np.random.default_rng(seed), cells().T, []
    for _ in range(draws):
        counts = np.unique(np.stack([source.permutation(column) for column in columns]), axis=1, return_counts=True)[1]
        found.append((np.sum(counts > 1), np.sum(counts == 1)))
    return np.array(found)


def mixed_groups(padding: NDArray[np.int64], group: NDArray[np.int64]) -> int:
    """Groups with both padding and other rows."""
    inside = np.bincount(group, padding)
    return int(np.sum((inside > 0) & (inside < np.bincount(group))))


def mixing_null(draws: int, seed: int = 0) -> tuple[int, NDArray[np.int64]]:
    """Groups of `WHOLE_GROUPS` with both padding and other rows, and (draws,) how many if padding were drawn at random
    among these rows."""
    source = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(WHOLE_GROUPS)), [rows for rows, _ in WHOLE_GROUPS])
    padding = np.concatenate([np.arange(rows) < inside for rows, inside in WHOLE_GROUPS]).astype(np.int64)
    return mixed_groups(padding, group), np.array(
        [mixed_groups(source.permutation(padding), group) for _ in range(draws)]
    )
