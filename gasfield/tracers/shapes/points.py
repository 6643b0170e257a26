"""User-defined points from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure, Values, bonded


@register
class Points(Shape):
    """Points from a file (k is the number of its columns)."""

    kind: Literal["points"] = "points"
    file: str
    """`.npy` with an array (M, k), or text: one point per line, separated by commas or blanks, `#` for comments."""
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Factor that multiplies all coordinates."""
    bond_within: Spacing | None = None
    """Points within this distance (after scaling) are bonded; default: no bonds [length]."""

    def structure(self, find: Find = Path) -> Structure:
        """The points, centred.

        Raises:
            InputError: if the file is missing or not a valid file of points.
        """
        points = self.scale * _read(find(self.file))
        points -= points.mean(axis=0)
        return bonded(points, self.bond_within) if self.bond_within else Structure(points, np.empty((0, 2), np.int64))


def _read(path: Path) -> Values:
    try:
        if path.suffix == ".npy":
            found = np.load(path, mmap_mode="r", allow_pickle=False)  # no allocation before the header is validated
            if found.dtype.kind not in "iuf":
                raise ValueError(f"unsupported data type {found.dtype}")
        elif path.suffix == ".npz":
            raise ValueError(".npz is not supported; save the array as .npy")
        else:
            text = path.read_text(encoding="utf-8").replace(",", " ")
            found = np.loadtxt(text.splitlines(), ndmin=2)
        points = np.array(found, np.float64)
    except (OSError, ValueError, EOFError) as fault:
        raise InputError(f"{path}: not a file of points ({fault}).") from None
    if points.ndim != 2 or len(points) < 2 or not points.shape[1] or not np.isfinite(points).all():
        shape = " x ".join(map(str, points.shape))
        raise InputError(f"{path}: array of {shape}; expected at least two points, one per row, of finite numbers.")
    return points
