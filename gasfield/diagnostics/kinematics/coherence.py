"""Coherence of motion: cosines between the displacements of different rows in an interval.

The mean cosine of all pairs comes from the sum S of the n unit vectors, (|S|^2 - n)/(n (n - 1)), exactly. Rows that do
not move have no direction and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, mean, missing


@dataclass(frozen=True, kw_only=True)
class CoherenceResult(Result):
    """Cosines over time; an interval is named by the frame in which it ends.

    Attributes:
        steps: (T - 1,).
        cosine: (T - 1,) mean cosine of the displacements of two rows; NaN where fewer than two move.
        spread: (T - 1,) standard deviation over rows of the cosine with the mean direction.
        moving: (T - 1,) rows that move.

    Keys: `coherence.start`, `coherence.end` (first and last interval in which two rows move) and `coherence.mean` (over
    intervals), with errors over rows; `coherence.spread` (mean over intervals); `coherence.successive` (mean cosine of
    successive displacements of the centroid).
    """

    steps: NDArray[np.int64]
    cosine: Values
    spread: Values
    moving: NDArray[np.int64]

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {"cosine": (self.cosine, "1"), "spread": (self.spread, "1"), "moving": (self.moving, "rows")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The mean cosine over time, with the spread of the rows about their mean direction."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import Role

        known = np.isfinite(self.cosine)
        at, middle, wide = self.steps[known], self.cosine[known], self.spread[known]
        lines = [Curve(at, middle, Role.REAL, "mean, band ± spread of rows", middle - wide, middle + wide)]
        title = f"{self.group}: coherence of displacements"
        return curves(lines, title, "cosine of displacements", limits=(-1.05, 1.05), reference=0.0, ax=ax)


@register
class Coherence(Diagnostic[CoherenceResult]):
    """Alignment of the displacements of a group."""

    needs_motion: ClassVar[bool] = True

    kind: Literal["coherence"] = "coherence"

    def objection(self, group: Group) -> str | None:
        """Applies to two rows or more with two frames."""
        return "a single row has no pair to compare" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> CoherenceResult:
        """The results for one group."""
        intervals = max(len(group.steps) - 1, 0)
        cosine, spread = np.full(intervals, np.nan), np.full(intervals, np.nan)
        moving, own = np.zeros(intervals, np.int64), _Own(group.count)
        ways = np.zeros((intervals, group.dimensions))
        for frames, x in group.blocks(overlap=1):
            for place, moved in enumerate(np.diff(x, axis=0), start=frames.start):
                ways[place] = moved.mean(axis=0) if len(moved) else 0.0
                cosine[place], spread[place], moving[place], pseudo = _cosines(moved)
                own.add(pseudo)
        if np.any(moving < 2):
            notes.append(f"in {int(np.sum(moving < 2))} of {intervals} intervals fewer than two rows move")
        estimates = _estimates(cosine, spread, own, ways)
        if not np.isfinite(estimates["coherence.successive"].value):
            notes.append("coherence.successive: the centroid does not move in two successive intervals")
        return CoherenceResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=group.steps[1:],
            cosine=cosine,
            spread=spread,
            moving=moving,
        )


class _Own:
    """The pseudo-values of rows, interval by interval.

    Attributes:
        first, last: (n,) of the rows that moved in the first and in the last interval with a cosine.
        sums, counts: (N,) over the intervals in which a row moved.
    """

    def __init__(self, rows: int) -> None:
        self.first = self.last = np.empty(0)
        self.sums, self.counts = np.zeros(rows), np.zeros(rows, np.int64)

    def add(self, pseudo: Values) -> None:
        """Those of an interval (N,), NaN where a row has none."""
        seen = np.isfinite(pseudo)
        if not seen.any():
            return
        self.last = pseudo[seen]
        self.first = self.first if len(self.first) else self.last
        self.sums += np.where(seen, pseudo, 0.0)
        self.counts += seen

    @property
    def means(self) -> Values:
        """(n,) of the rows that moved at all."""
        rows = self.counts > 0
        means: Values = self.sums[rows] / self.counts[rows]
        return means


def _cosines(moved: Values) -> tuple[float, float, int, Values]:
    """Mean cosine of pairs, spread about the mean direction, rows that move, and the rows' pseudo-values (N,)."""
    lengths = np.linalg.norm(moved, axis=1)
    going = lengths > 0
    count = int(going.sum())
    own = np.full(len(moved), np.nan)
    if count < 2:
        return np.nan, np.nan, count, own
    units = moved[going] / lengths[going, None]
    total = units.sum(axis=0)
    others = (units @ total - 1.0) / (count - 1)  # mean cosine of a row with each other one
    value = float(others.mean())
    own[going] = 2.0 * others - value  # first order of a mean over pairs
    size = float(np.linalg.norm(total))
    spread = float(np.std(units @ total / size)) if size > 0 else np.nan
    return value, spread, count, own


def _estimates(cosine: Values, spread: Values, own: _Own, ways: Values) -> dict[str, Estimate]:
    keys = ("coherence.start", "coherence.mean", "coherence.end", "coherence.spread", "coherence.successive")
    estimates = dict.fromkeys(keys, missing("1"))
    known = np.flatnonzero(np.isfinite(cosine))
    if len(known):
        estimates["coherence.start"] = Estimate(np.array(cosine[known[0]]), "1", own.first)
        estimates["coherence.end"] = Estimate(np.array(cosine[known[-1]]), "1", own.last)
        estimates["coherence.mean"] = Estimate(np.array(cosine[known].mean()), "1", own.means)
        wide = spread[np.isfinite(spread)]
        estimates["coherence.spread"] = exact(float(wide.mean()), "1") if len(wide) else missing("1")
    lengths = np.linalg.norm(ways, axis=1)
    both = (lengths[1:] > 0) & (lengths[:-1] > 0)
    if both.any():
        turns = np.sum(ways[1:] * ways[:-1], axis=1)[both] / (lengths[1:] * lengths[:-1])[both]
        estimates["coherence.successive"] = exact(float(mean(turns, "1").value), "1")
    return estimates
