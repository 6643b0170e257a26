"""How many rows differ in any bit: where rows that started apart merge into one on a floating-point lattice.

Rows are compared by their bytes, exactly. +0 and -0 differ. Two rows that have merged may separate again only if
different forces act on them or their optimiser moments differ.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.lattice.view import LatticeDiagnostic
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, missing


@dataclass(frozen=True, kw_only=True)
class DistinctResult(Result):
    """Bit-identical rows over time.

    Attributes:
        steps: (T,).
        rows: N.
        distinct: (T,) how many different rows there are.
        twins: (T,) share of rows that are identical to another one.
        largest: (T,) rows in the largest group of identical ones.

    Keys: `distinct.start`, `distinct.end` (different rows in the first and the last frame), `distinct.half` (first step
    at which half of the rows have a twin; None if it never comes) and `distinct.largest` (rows in the largest group of
    identical ones at the end). They are counts and carry no error.
    """

    steps: NDArray[np.int64]
    rows: int
    distinct: NDArray[np.int64]
    twins: Values
    largest: NDArray[np.int64]

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {"distinct": (self.distinct, "rows"), "twins": (self.twins, "1"), "largest": (self.largest, "rows")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """Different rows, and rows in the largest group of identical ones, over time."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import Role

        lines = [
            Curve(self.steps, self.largest.astype(float), Role.CONTEXT, "rows in the largest group of identical ones"),
            Curve(self.steps, self.distinct.astype(float), Role.REAL, "different rows"),
        ]
        title = f"{self.group}: {self.rows} rows that merge"
        return curves(lines, title, "rows", limits=(-0.03 * self.rows, 1.06 * self.rows), ax=ax)


@register
class Distinct(LatticeDiagnostic[DistinctResult]):
    """Numbers of different and of identical rows."""

    telling: ClassVar[tuple[str, ...] | None] = ("distinct.end", "distinct.start")

    kind: Literal["distinct"] = "distinct"

    def objection(self, group: Group) -> str | None:
        """Applies to groups of several rows on the lattice of an optimiser."""
        if group.precision == "float64":
            return "positions are float64, on which rows hardly ever coincide"
        return "a single row has no twin" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> DistinctResult:
        """The results for one group."""
        counts = [identical(x) for x in group.positions]
        distinct, paired, largest = np.array(counts, np.int64).reshape(-1, 3).T
        twins = paired / group.count if group.count else np.full(len(paired), np.nan)
        return DistinctResult(
            group=group.name,
            estimates=_estimates(group, distinct, twins, largest, notes),
            notes=tuple(notes),
            steps=group.steps,
            rows=group.count,
            distinct=distinct,
            twins=twins,
            largest=largest,
        )


def identical(x: NDArray[np.floating[Any]]) -> tuple[int, int, int]:
    """Of rows (N, D): how many are different, how many have a twin, how many are in the largest group of twins."""
    if not x.size:
        return 0, 0, 0
    x = np.ascontiguousarray(x)
    sizes = Counter(x.view(np.dtype((np.void, x.dtype.itemsize * x.shape[1]))).ravel().tolist()).values()
    return len(sizes), sum(size for size in sizes if size > 1), max(sizes)


def _estimates(
    group: Group, distinct: NDArray[np.int64], twins: Values, largest: NDArray[np.int64], notes: list[str]
) -> dict[str, Estimate]:
    """All keys; undefined values are added to `notes`."""
    estimates = {f"distinct.{key}": missing("rows") for key in ("start", "end", "largest")}
    estimates["distinct.half"] = missing("steps")
    if not group.count or not len(group.steps):
        notes.append("no row is present throughout: there is nothing to compare")
        return estimates
    estimates["distinct.start"], estimates["distinct.end"] = exact(distinct[0], "rows"), exact(distinct[-1], "rows")
    estimates["distinct.largest"] = exact(largest[-1], "rows")
    half = np.flatnonzero(twins >= 0.5)
    if len(half):
        estimates["distinct.half"] = exact(group.steps[half[0]], "steps")
    else:
        notes.append("distinct.half: there is no frame in which half of the rows have a twin")
    return estimates
