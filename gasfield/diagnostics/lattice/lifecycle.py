"""The phases of a row's life on a floating-point lattice, by its last exits.

With the displacement of a row in one interval counted in cells, in the norms L1, L2 and Linf:

    early      until the last interval with L2 > sqrt(D): on average a coordinate moves by more than a cell
    midlife    until the last with Linf > 1: some coordinate still skips cells
    late       until the last with L1 > 0: only steps to the next cell
    frozen     afterwards: no cell changes until the recording ends

L2 > sqrt(D) needs a coordinate with more than one cell, so the phases follow each other, and some may be empty. A last
exit is known only when the recording is over, and a longer one may move it: at the last frame every row is frozen by
definition. Numbers are therefore given at a horizon a little earlier, as in `freezing`. Cells are counted, not bits: a
change from +0 to -0 is not a motion here, but is one there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.lattice.cells import Definition, no_cells, norms_of_moves
from gasfield.diagnostics.lattice.freezing import horizon_of, time_by_which
from gasfield.diagnostics.lattice.view import LatticeDiagnostic
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, missing, share

_COLUMNS = 1000
PHASES = ("early", "midlife", "late", "frozen")
"""In the order in which a row goes through them."""


@dataclass(frozen=True, kw_only=True)
class LifecycleResult(Result):
    """When rows leave their phases, and the shares that follow.

    Attributes:
        steps: (T,).
        ends: (3, N) step of the frame with which a row leaves early, midlife and late for good; the first step for a
            phase that it never was in.
        shares: (4, T) share of rows in each of `PHASES` in each frame; they sum to 1. A row whose last motion ends in a
            frame is frozen in that frame.
        horizon: the last step with `quiet` steps after it; what is later than that may change with a longer recording.

    Keys: `lifecycle.early.end`, `lifecycle.midlife.end`, `lifecycle.late.end` (medians over rows; None if that is not
    before the horizon), `lifecycle.shares.early`, `.midlife`, `.late` and `.frozen` (at the horizon) and
    `lifecycle.quiet` (steps from the horizon to the last frame).
    """

    steps: NDArray[np.int64]
    ends: NDArray[np.int64]
    shares: Values
    horizon: int

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {name: (share, "1") for name, share in zip(PHASES, self.shares, strict=True)}

    def phases_at(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """(t, N) phase of each row at given steps (t,), as its index in `PHASES`."""
        phases: NDArray[np.int64] = np.sum(steps[:, None, None] >= self.ends[None], axis=1)
        return phases

    def draw(self, ax: Axes | None = None) -> Axes:
        """A line for each row, which changes colour with its phase; rows in the order in which they freeze."""
        from gasfield.plots.rows import raster

        order = np.lexsort(self.ends)
        shown = self.steps
        if len(shown):  # evenly spaced, as many as a figure can show
            shown = np.unique(np.linspace(shown[0], shown[-1], _COLUMNS).astype(np.int64))
        phases = self.phases_at(shown)[:, order]
        title = f"{self.group}: phases of each row"
        return raster(shown, phases.T, PHASES, title, self.horizon, ax)


@register
class Lifecycle(LatticeDiagnostic[LifecycleResult]):
    """Early, midlife, late and frozen rows."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("lifecycle.shares.frozen",)

    kind: Literal["lifecycle"] = "lifecycle"
    quiet: float = Field(default=0.1, gt=0.0, lt=1.0)
    """Share of the recording, at its end, in which a row must not have been in a phase that it has left."""
    definition: Definition = "keys"
    """What a displacement in cells is, as for `cells`."""

    def objection(self, group: Group) -> str | None:
        """Applies to groups on a lattice of 16 or 8 bits with two frames."""
        return no_cells(group)

    def measure(self, group: Group, notes: list[str]) -> LifecycleResult:
        """The results for one group."""
        ends: NDArray[np.int64] = np.zeros((3, group.count), np.int64)
        if len(group.steps):
            ends = group.steps[last_exits(group, self.definition)]
        horizon = horizon_of(group.steps, self.quiet)
        return LifecycleResult(
            group=group.name,
            estimates=_estimates(group, ends, horizon, notes),
            notes=tuple(notes),
            steps=group.steps,
            ends=ends,
            shares=_shares(ends, group.steps),
            horizon=horizon,
        )


def last_exits(group: Group, definition: Definition) -> NDArray[np.int64]:
    """(3, N) number of the frame with which each row leaves early, midlife and late; 0 if it never was in it."""
    exits = np.zeros((3, group.count), np.int64)
    for frame, (total, length, largest) in enumerate(norms_of_moves(group, definition) if group.count else (), start=1):
        for phase, inside in enumerate((length > np.sqrt(group.dimensions), largest > 1, total > 0)):
            exits[phase, inside] = frame
    return exits


def _shares(ends: NDArray[np.int64], steps: NDArray[np.int64]) -> Values:
    """(4, T) share of rows in each phase at each frame."""
    if not ends.shape[1]:
        return np.full((len(PHASES), len(steps)), np.nan)
    left = [np.searchsorted(np.sort(end), steps, side="right") / ends.shape[1] for end in ends]
    return -np.diff([np.ones(len(steps)), *left, np.zeros(len(steps))], axis=0)


def _estimates(group: Group, ends: NDArray[np.int64], horizon: int, notes: list[str]) -> dict[str, Estimate]:
    """All keys; undefined values are added to `notes`."""
    estimates = {f"lifecycle.{phase}.end": missing("steps") for phase in PHASES[:-1]}
    estimates |= {f"lifecycle.shares.{phase}": missing("1") for phase in PHASES} | {"lifecycle.quiet": missing("steps")}
    if not group.count or len(group.steps) < 2:
        notes.append("no row is present in two frames: phases are undefined")
        return estimates
    quiet = int(group.steps[-1]) - horizon
    for phase, end in zip(PHASES, ends, strict=False):
        key = f"lifecycle.{phase}.end"
        if np.mean(end <= horizon) >= 0.5:
            estimates[key] = time_by_which(end, 0.5, horizon)
        else:
            notes.append(f"{key}: fewer than half of the rows have left it {quiet} steps before the end")
    place = np.sum(ends <= horizon, axis=0)
    estimates |= {f"lifecycle.shares.{phase}": share(place == k) for k, phase in enumerate(PHASES)}
    estimates["lifecycle.quiet"] = exact(quiet, "steps")
    if group.interval != "step":
        notes.append(f"frames are not one step apart: cells are counted per {group.interval}")
    return estimates
