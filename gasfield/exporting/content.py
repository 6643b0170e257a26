"""What is exported: a part of an open trajectory, as every format needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from gasfield.trajectory import Trajectory
from gasfield.trajectory.selection import Labels, Selection
from gasfield.trajectory.tables import Observed

Layout = Literal["columns", "vector"]


@dataclass(frozen=True)
class Part:
    """A part of a trajectory.

    Attributes:
        trajectory: open.
        selection: its frames and rows.
        series: observables at these frames.
        layout: whether tables have a column for each coordinate, or one for all; None where the format chooses.
        spreadsheet: whether text in a CSV must not look like a formula.
        progress: called with the number of frames done, and of all.
    """

    trajectory: Trajectory
    selection: Selection
    series: tuple[Observed, ...] = ()
    layout: Layout | None = None
    spreadsheet: bool = False
    progress: Callable[[int, int], None] = lambda done, total: None

    @cached_property
    def labels(self) -> Labels:
        """Ids, tokens and groups of the rows."""
        return Labels.of(self.trajectory, self.selection.rows)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.selection.frames)

    @property
    def number(self) -> np.dtype[Any]:
        """The type of the coordinates: float32 or float64; integers of others become the latter."""
        stored = self.trajectory.number_type
        return stored if stored.kind == "f" else np.dtype(np.float64)

    @property
    def nbytes(self) -> int:
        """Size of the positions as numbers."""
        return self.selection.count * self.trajectory.dimensions * self.number.itemsize
