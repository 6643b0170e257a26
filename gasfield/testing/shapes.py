"""The contract of tracer shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.testing.tools import (
    require,
)
from gasfield.tracers import SHAPES, Shape

Array = NDArray[np.float64]


def check_shape(shape: Shape | Mapping[str, Any], *, find: Callable[[str], Path] = Path) -> None:
    """Runs the contract of shapes: centred finite distinct points, of the stated number, and bonds between them.

    Args:
        shape: the specification, or the mapping that a scenario would have.
        find: resolves names of data files.

    Raises:
        AssertionError: if a check fails.
    """
    spec = SHAPES.parse(shape)
    made, again = spec.structure(find), spec.structure(find)
    points, bonds = made.points, made.bonds
    require(points.ndim == 2 and points.dtype == np.float64, "points are not a float64 array (M, k)")
    require(spec.size in (None, len(points)), f"size is {spec.size}, but there are {len(points)} points")
    require(np.isfinite(points).all(), "a point is not finite")
    extent = float(np.abs(points).max())
    require(np.abs(points.mean(axis=0)).max() <= 1e-12 * extent, "points are not centred on the origin")
    require(len(np.unique(points.round(12), axis=0)) == len(points), "two points coincide")
    require(bonds.ndim == 2 and bonds.shape[1] == 2 and bonds.dtype == np.int64, "bonds are not an int64 array (B, 2)")
    require(((bonds >= 0) & (bonds < len(points))).all(), "a bond refers to a missing point")
    require((bonds[:, 0] != bonds[:, 1]).all(), "a point is bonded to itself")
    require(len(np.unique(np.sort(bonds, axis=1), axis=0)) == len(bonds), "a bond is duplicated")
    np.testing.assert_array_equal(points, again.points, "the same specification gives different points")
