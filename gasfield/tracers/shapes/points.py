"""User-defined points from a file."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.reading import read_lines
from gasfield.registry import register
from gasfield.tracers.shapes.base import Find, Shape
from gasfield.tracers.shapes.structure import Spacing, Structure, Values, bonded


@register
class Points(Shape):
    """Points from a file (k is the number of its columns)."""

    from_file: ClassVar[bool] = True

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
    if path.suffix == ".npz":
        raise InputError(f"{path}: not a file of points; save the array as .npy.")
    points = _of_array(path) if path.suffix == ".npy" else _of_lines(path)
    if points.ndim != 2 or len(points) < 2 or not points.shape[1] or not np.isfinite(points).all():
        shape = " x ".join(map(str, points.shape))
        raise InputError(f"{path}: array of {shape}; expected at least two points, one per row, of finite numbers.")
    return points


def _of_array(path: Path) -> Values:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)  # no allocation before the header is validated
        if found.dtype.kind not in "iuf":
            raise ValueError
        require_memory(8 * found.size, f"{path}: the points")
        return np.array(found, np.float64)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, RecursionError):
        raise InputError(
            f"{path}: not a file of points: no array of numbers in NumPy's format, or cut short."
        ) from None


def _of_lines(path: Path) -> Values:
    """Numbers of the same count in every line. What stands there instead is not quoted: a scenario of others may name
    any file."""
    rows: list[list[float]] = []
    for number, line in enumerate(read_lines(path), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        try:
            row = [_number(word) for word in words]
        except ValueError:
            raise InputError(f"{path}: not a file of points: line {number} has something else than numbers.") from None
        if rows and row and len(row) != len(rows[0]):
            message = f"line {number} has {len(row)} numbers, the lines before have {len(rows[0])}"
            raise InputError(f"{path}: not a file of points: {message}.")
        rows += [row] if row else []
    return np.array(rows, np.float64).reshape(len(rows), -1 if rows else 0)


def _number(word: str) -> float:
    if "_" in word:  # Python would read 1_0 as 10
        raise ValueError
    return float(word)
