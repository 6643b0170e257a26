"""What every shape makes: points centred on the origin, and the bonds that tie neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial import cKDTree

Values = NDArray[np.float64]
Spacing = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_EQUAL = 1e-6
"""Relative difference below which two distances are one."""


@dataclass(frozen=True)
class Structure:
    """Points (M, k) centred on the origin, and bonds (B, 2): pairs of point indices."""

    points: Values
    bonds: NDArray[np.int64]


def nearest_bonded(points: NDArray[Any], spacing: float) -> Structure:
    """Centres points (M, k), scales them to a nearest distance, and bonds those at that distance."""
    centred = np.asarray(points, np.float64) - np.mean(points, axis=0)
    nearest = float(cKDTree(centred).query(centred, k=2)[0][:, 1].min())
    return bonded(centred * (spacing / nearest), spacing * (1 + _EQUAL))


def bonded(points: Values, reach: float) -> Structure:
    """Points (M, k) as they are, with a bond wherever two are within reach."""
    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray").astype(np.int64)
    return Structure(np.ascontiguousarray(points), pairs[np.lexsort(pairs.T[::-1])])


def chained(points: Values, *, closed: bool) -> Structure:
    """Points (M, k) in a row, each bonded to the next; and the last to the first, if there are more than two."""
    first = np.arange(len(points) - 1)
    bonds = np.stack([first, first + 1], axis=1)
    if closed and len(points) > 2:
        bonds = np.vstack([bonds, [[0, len(points) - 1]]])
    return Structure(points - points.mean(axis=0), bonds.astype(np.int64))
