"""Motion counted in cells of the bfloat16 lattice: exact, symmetric and finite everywhere, also at zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Result, Scope
from gasfield.diagnostics.estimate import Estimate, median, missing, share
from gasfield.diagnostics.group import Group, as_group
from gasfield.kernels.bfloat16 import is_on_lattice, keys
from gasfield.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]
OCCUPANCIES = ("unmoved", "single", "local", "multi")
"""Of a row in an interval: no cell; one coordinate by one cell; several coordinates by one cell each; any by more."""


@dataclass(frozen=True, kw_only=True)
class CellsResult(Result):
    """Displacements on the lattice over time; an interval is named by the frame in which it ends.

    Attributes:
        steps: (T - 1,) step at the end of each interval.
        largest: (T - 1, N) cells moved by the coordinate that moves most (Linf).
        total: (T - 1, N) cells moved by all coordinates together (L1).
        median_largest, median_total: (T - 1,) medians over rows.
        occupancy: (4, T - 1) shares of rows, in the order of `OCCUPANCIES`; they sum to 1.

    Keys: `cells.median` (median over rows of each row's median Linf over intervals: near zero a value has thousands of
    cells, so that a mean has no limit) and `cells.unmoved`, `cells.single`, `cells.local`, `cells.multi` (shares of all
    rows and intervals). +0 and -0 share a cell: a change of sign of zero alone is unmoved here.
    """

    steps: NDArray[np.int64]
    largest: NDArray[np.int64]
    total: NDArray[np.int64]
    median_largest: Values
    median_total: Values
    occupancy: Values

    def plot(self, ax: Axes | None = None) -> Axes:
        """The shares of the four kinds of motion over time, stacked."""
        from gasfield.plots import stacked

        labels = ("unmoved", "one coordinate, one cell", "several coordinates, one cell each", "more than one cell")
        title = f"{self.group}: how many cells a row moves"
        return stacked(self.steps, self.occupancy, labels, title, "share of rows", ax=ax)


@dataclass(frozen=True)
class Cells:
    """Displacements in cells of the bfloat16 lattice."""

    name: ClassVar[str] = "cells"
    scope: ClassVar[Scope] = Scope.GROUP

    def left_out(self, group: Group) -> str | None:
        """Applies to groups on the bfloat16 lattice with two frames."""
        if group.precision != "bfloat16":
            return f"positions are {group.precision}, not on the bfloat16 lattice"
        return "one frame only: nothing moves" if len(group.steps) < 2 else None

    def compute(self, source: Group | Trajectory) -> CellsResult:
        """The results for one group, or for all rows of a trajectory at once.

        Raises:
            ValueError: if a position is not a bfloat16.
        """
        group = as_group(source).present()
        largest, total = _cells_moved(group)
        kinds = np.stack([total == 0, total == 1, (largest == 1) & (total > 1), largest > 1])
        notes = list(group.notes)
        middle = middle_total = np.full(len(largest), np.nan)
        occupancy = np.full((len(OCCUPANCIES), len(largest)), np.nan)
        if largest.size:
            middle, middle_total = np.median(largest, axis=1), np.median(total, axis=1)
            occupancy = kinds.mean(axis=2)
        else:
            notes.append("no row is present in two frames: cells moved are undefined")
        return CellsResult(
            group=group.name,
            estimates=_estimates(largest, kinds),
            notes=tuple(notes),
            steps=group.steps[1:],
            largest=largest,
            total=total,
            median_largest=middle,
            median_total=middle_total,
            occupancy=occupancy,
        )


def _cells_moved(group: Group) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Linf and L1 displacements (T - 1, N) in cells."""
    largest, total = np.zeros((2, max(len(group.steps) - 1, 0), group.count), np.int64)
    if not largest.size:
        return largest, total
    positions = group.positions.astype(np.float32, copy=False)
    if not is_on_lattice(positions).all():
        raise ValueError(f"{group.name}: not every position is a bfloat16")
    before = keys(positions[0])
    for frame in range(len(largest)):
        after = keys(positions[frame + 1])
        moved = np.abs(after - before)
        largest[frame], total[frame] = moved.max(axis=1), moved.sum(axis=1)
        before = after
    return largest, total


def _estimates(largest: NDArray[np.int64], kinds: NDArray[np.bool_]) -> dict[str, Estimate]:
    """All keys, from Linf (T - 1, N) and the flags (4, T - 1, N) of the kinds of motion."""
    if not largest.size:
        return {"cells.median": missing("cells")} | {f"cells.{kind}": missing("1") for kind in OCCUPANCIES}
    shares = {f"cells.{kind}": share(flags.T) for kind, flags in zip(OCCUPANCIES, kinds, strict=True)}
    return {"cells.median": median(np.median(largest, axis=0), "cells")} | shares
