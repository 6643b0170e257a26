"""The result of a shape: points centred on the origin, and bonds between neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

Values = NDArray[np.float64]
Spacing = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_EQUAL = 1e-6
"""Relative difference below which two distances are equal."""


@dataclass(frozen=True)
class Structure:
    """Points (M, k) centred on the origin, and bonds (B, 2): pairs of point indices."""

    points: Values
    bonds: NDArray[np.int64]


def nearest_bonded(points: NDArray[Any], spacing: float) -> Structure:
    """Centres points (M, k), scales their smallest distance to `spacing`, and bonds pairs at that distance."""
    centred = np.asarray(points, np.float64) - np.mean(points, axis=0)
    nearest = float(scipy.spatial.cKDTree(centred).query(centred, k=2)[0][:, 1].min())
    found = bonded(centred, nearest * (1 + _EQUAL))  # in the unit of the lattice, whatever the spacing
    return Structure(found.points * (spacing / nearest), found.bonds)


def bonded(points: Values, reach: float) -> Structure:
    """Points (M, k), unchanged, with a bond between each pair within `reach`."""
    reach = min(reach, 2.0 * float(np.linalg.norm(np.ptp(points, axis=0))) + 1.0)  # squares of more may overflow
    pairs = scipy.spatial.cKDTree(points).query_pairs(reach, output_type="ndarray").astype(np.int64)
    return Structure(np.ascontiguousarray(points), pairs[np.lexsort(pairs.T[::-1])])


def chained(points: Values, *, closed: bool) -> Structure:
    """A chain of points (M, k), centred; if `closed`, the last of more than two is bonded to the first."""
    first = np.arange(len(points) - 1)
    bonds = np.stack([first, first + 1], axis=1)
    if closed and len(points) > 2:
        bonds = np.vstack([bonds, [[0, len(points) - 1]]])
    return Structure(points - points.mean(axis=0), bonds.astype(np.int64))
