"""Motion counted in cells of a floating-point lattice: exact, symmetric and finite everywhere, also at zero.

A displacement in cells is the difference of ordered integer keys. Published analyses divide by the ULP at the start of
the move instead: that is infinite for what starts at zero, and off by 2 where a move crosses into another binade. It is
offered for comparison with old tables (`definition="ulp"`).

The lattice is that of bfloat16, float16 or one of the 8-bit formats; float32 positions are counted as they would be
published in one of them, with `view`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.lattice.view import LatticeDiagnostic
from gasfield.kernels.lattices import PRECISIONS, is_on, lattice_keys, spacing
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, median, missing, share

Flags = NDArray[np.bool_]
Definition = Literal["keys", "ulp"]
"""Cells by ordered integer keys (exact), or a displacement divided by the ULP of the value that it starts from."""

FAR = 1000
"""Cells beyond which a move is counted separately: at that size a coordinate of bfloat16 crosses zero, or eight
binades. The 8-bit formats have no such moves."""
OCCUPANCIES = ("unmoved", "single", "local", "multi", "beyond")
"""Of a row in an interval: no cell; one coordinate by one cell; several coordinates by one cell each; any by more; any
by more than `FAR`."""
_KEPT = 1 << 23
"""Most displacements (rows times intervals) used: medians over rows and over intervals need all of
them at once. Of more, those of evenly spaced rows."""


@dataclass(frozen=True)
class Moves:
    """Norms of the displacements of N rows in T - 1 intervals, each (T - 1, N) [cells]; infinite where one is."""

    total: Values
    """L1, all coordinates together."""
    length: Values
    """L2."""
    largest: Values
    """Linf, the coordinate that moves most."""

    def kinds(self) -> Flags:
        """(5, T - 1, N) flags in the order of `OCCUPANCIES`, of which exactly one is true."""
        near = self.largest <= 1
        return np.stack(
            [
                self.total == 0,
                (self.total > 0) & (self.total <= 1),  # by keys exactly 1; a half ULP is possible on the way to zero
                near & (self.total > 1),
                ~near & (self.largest <= FAR),
                self.largest > FAR,
            ]
        )


@dataclass(frozen=True, kw_only=True)
class CellsResult(Result):
    """Displacements on the lattice over time; an interval is named by the frame in which it ends.

    Attributes:
        steps: (T - 1,) step at the end of each interval.
        total, length, largest: (T - 1, N) cells moved in the norms L1, L2 and Linf.
        median_total, median_length, median_largest: (T - 1,) medians over rows.
        occupancy: (5, T - 1) shares of rows, in the order of `OCCUPANCIES`; they sum to 1.

    Keys: `cells.median` (median over rows of each row's median Linf over intervals: near zero a value has thousands of
    cells, so a mean does not converge), `cells.q10` and `cells.q90` (the same of each row's 10th and 90th percentile),
    `cells.l1` and `cells.l2` (medians of medians in the other norms); `cells.unmoved`, `cells.single`, `cells.local`,
    `cells.multi`, `cells.beyond` (shares of all rows and intervals, which sum to 1: L1 = 0; L1 = 1; L1 > 1 and
    Linf = 1; 1 < Linf <= 1000; Linf > 1000); `cells.infinite` (share with an infinite displacement: none by keys; by
    ULP, what moves away from zero, which is counted in `cells.beyond` too). +0 and -0 share a cell: a change of sign of
    zero alone is unmoved here.
    """

    steps: NDArray[np.int64]
    total: Values
    length: Values
    largest: Values
    median_total: Values
    median_length: Values
    median_largest: Values
    occupancy: Values

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        names = ("median_total", "median_length", "median_largest")
        shares = zip(OCCUPANCIES, self.occupancy, strict=True)
        return {name: (getattr(self, name), "cells") for name in names} | {name: (share, "1") for name, share in shares}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The shares of the five kinds of motion over time, stacked; in a new figure, below them a histogram of cells
        moved. Returns the upper axes."""
        from gasfield.plots.panels import stacked
        from gasfield.plots.rows import cell_counts, over_each_other

        labels = (
            "unmoved",
            "one coordinate, one cell",
            "several coordinates, one cell each",
            "more than one cell",
            f"more than {FAR} cells",
        )
        below = None
        if ax is None:
            ax, below = over_each_other()
        title = f"{self.group}: cells moved per row"
        stacked(self.steps, self.occupancy, labels, title, "share of rows", ax=ax)
        if below is not None:
            cell_counts(self.steps, self.largest, below)
        return ax


@register
class Cells(LatticeDiagnostic[CellsResult]):
    """Displacements in cells of the lattice of the positions."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("cells.median", "cells.unmoved")

    kind: Literal["cells"] = "cells"
    definition: Definition = "keys"
    """What a displacement in cells is: by ordered integer keys, or in ULPs of the value that it starts from."""

    def objection(self, group: Group) -> str | None:
        """Applies to groups on a lattice of 16 or 8 bits with two frames."""
        return no_cells(group)

    def measure(self, group: Group, notes: list[str]) -> CellsResult:
        """The results for one group."""
        rows = spread_over(group.count, max(1, _KEPT // max(len(group.steps), 1)))
        if len(rows) < group.count:
            notes.append(f"{len(rows)} of {group.count} rows are used")
            group = group.of_rows(rows)
        moves = cells_moved(group, self.definition)
        kinds = moves.kinds()
        medians = np.full((3, len(moves.total)), np.nan)
        occupancy = np.full(kinds.shape[:2], np.nan)
        if moves.total.size:
            medians = np.median([moves.total, moves.length, moves.largest], axis=2)
            occupancy = kinds.mean(axis=2)
        else:
            notes.append("no row is present in two frames: cells moved are undefined")
        if self.definition == "ulp":
            notes.append(
                "cells are ULPs of the value at the start of a move: infinite from zero, where moves count as more "
                f"than {FAR} cells and not as unmoved, and off by 2 where a move crosses a power of two"
            )
        return CellsResult(
            group=group.name,
            estimates=_estimates(moves, kinds, notes),
            notes=tuple(notes),
            steps=group.steps[1:],
            total=moves.total,
            length=moves.length,
            largest=moves.largest,
            median_total=medians[0],
            median_length=medians[1],
            median_largest=medians[2],
            occupancy=occupancy,
        )


def no_cells(group: Group) -> str | None:
    """Why a group has no displacements in cells; None if it has."""
    if group.precision not in PRECISIONS[1:]:
        kinds = ", ".join(PRECISIONS[1:])
        return f"positions are {group.precision}, not on the lattice of {kinds}: the parameter view rounds them to one"
    return None


def cells_moved(group: Group, definition: Definition = "keys") -> Moves:
    """The displacements of a group from frame to frame; every row must be present throughout.

    Raises:
        ValueError: if a position is not on the lattice.
    """
    shape = (max(len(group.steps) - 1, 0), group.count)
    moves = Moves(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    if not moves.total.size:
        return moves
    for frame, norms in enumerate(norms_of_moves(group, definition)):
        moves.total[frame], moves.length[frame], moves.largest[frame] = norms
    return moves


def norms_of_moves(group: Group, definition: Definition) -> Iterator[tuple[Values, Values, Values]]:
    """The norms L1, L2 and Linf (N,) of the displacements in each interval [cells].

    Raises:
        ValueError: if a position is not on the lattice.
    """
    between = {"keys": _by_keys, "ulp": _by_ulp}[definition]
    before = None
    for x in group.positions:
        after = x.astype(np.float32, copy=False)
        if not is_on(after, group.precision).all():
            raise ValueError(f"{group.name}: not every position is a {group.precision}")
        if before is not None:
            moved = between(before, after, group.precision)
            yield moved.sum(axis=1), np.sqrt(np.square(moved).sum(axis=1)), moved.max(axis=1)
        before = after


def _by_keys(before: NDArray[np.float32], after: NDArray[np.float32], precision: str) -> Values:
    """(N, D) cells moved by each coordinate. Integers this small are exact in float64."""
    moved: Values = np.abs(lattice_keys(after, precision) - lattice_keys(before, precision)).astype(np.float64)
    return moved


def _by_ulp(before: NDArray[np.float32], after: NDArray[np.float32], precision: str) -> Values:
    """(N, D) displacements in ULPs of the start; infinite from zero, and 0 where nothing moves."""
    start = before.astype(np.float64)
    moved, ulp = np.abs(after.astype(np.float64) - start), spacing(start, precision)
    return np.where(moved > 0, np.divide(moved, ulp, out=np.full(moved.shape, np.inf), where=ulp > 0), 0.0)


def _estimates(moves: Moves, kinds: Flags, notes: list[str]) -> dict[str, Estimate]:
    """All keys; undefined values are added to `notes`."""
    norms: dict[str, tuple[Values, float]] = {
        "cells.median": (moves.largest, 0.5),
        "cells.q10": (moves.largest, 0.1),
        "cells.q90": (moves.largest, 0.9),
        "cells.l1": (moves.total, 0.5),
        "cells.l2": (moves.length, 0.5),
    }
    if not moves.total.size:
        return dict.fromkeys(norms, missing("cells")) | {
            f"cells.{kind}": missing("1") for kind in (*OCCUPANCIES, "infinite")
        }
    estimates = {key: _typical(key, *norm, notes) for key, norm in norms.items()}
    shares = {f"cells.{kind}": share(flags.T) for kind, flags in zip(OCCUPANCIES, kinds, strict=True)}
    return estimates | shares | {"cells.infinite": share(np.isinf(moves.total).T)}


def _typical(key: str, cells: Values, probability: float, notes: list[str]) -> Estimate:
    """The median over rows of each row's own quantile over intervals, from (T - 1, N)."""
    with np.errstate(invalid="ignore"):  # interpolation between two infinities
        own = np.quantile(cells, probability, axis=0)
    if np.isfinite(own).all():
        return median(own, "cells")
    notes.append(f"{key}: {int(np.sum(~np.isfinite(own)))} of {len(own)} rows have an infinite value there")
    return missing("cells")
