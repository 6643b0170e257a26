"""When rows stop moving, bit for bit: for one step, and permanently.

"Frozen" is by last motion: no bit of the row changes later in the trajectory. Every row is frozen at the last frame by
that definition, so the fraction is given at a horizon a little earlier: frozen rows are those that did not move during
the last `quiet` steps. A longer recording may show a row move again. The share of rows that did not move in one step is
a different number, and may fall again: rows thaw after a pause, and the whole group may reheat (thawing.py). Bits are
compared, not values: a change from +0 to -0 is a motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.lattice.thawing import Reheat, Thaws, find_reheats, find_thaws
from gasfield.diagnostics.lattice.view import LatticeDiagnostic
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, missing, quantile, share, share_error, stated

_QUANTILES = {"frozen.t10": 0.1, "frozen.t50": 0.5, "frozen.t90": 0.9}


@dataclass(frozen=True, kw_only=True)
class FreezingResult(Result):
    """Last motions and the curves that follow from them.

    Attributes:
        steps: (T,).
        last_motion: (N,) step of the frame from which on no bit of the row changes.
        frozen, frozen_error: (T,) share of rows whose last motion is at or before each frame. It is 1 at the last frame
            for every trajectory, and is not meaningful beyond `horizon`.
        unmoved, unmoved_error: (T - 1,) share of rows with the same bits at both ends of the interval that ends at
            steps[1:].
        horizon: the last step with `quiet` steps after it.
        thaws: how often each row moved again after a pause, and its longest pause.
        reheats: the times at which the unmoved share fell.

    Keys: `frozen.fraction` (at the horizon), `frozen.t10`, `frozen.t50` and `frozen.t90` (step at which 10, 50 and 90%
    of the rows are frozen; None if that is not before the horizon), `frozen.quiet` and `frozen.recording` (steps from
    the horizon, and from the first frame, to the last), `unmoved.fraction` (in the last interval); `frozen.thawed`
    (share of rows that moved again after a pause between two motions), `frozen.longest_pause` (of all rows; None if
    none thawed), `frozen.reheats` (how often the unmoved share fell by more than chance explains) and
    `frozen.largest_reheat` (by how much at most; None if it never fell).
    """

    steps: NDArray[np.int64]
    last_motion: NDArray[np.int64]
    frozen: Values
    frozen_error: Values
    unmoved: Values
    unmoved_error: Values
    horizon: int
    thaws: Thaws
    reheats: tuple[Reheat, ...]

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {
            "frozen": (self.frozen, "1"),
            "frozen_error": (self.frozen_error, "1"),
            "unmoved": (self.unmoved, "1"),
            "unmoved_error": (self.unmoved_error, "1"),
        }

    def freeze_times(self, bins: int = 40) -> tuple[Values, NDArray[np.int64], int]:
        """The distribution of last motions up to the horizon: edges (bins + 1,), rows in each bin, and how many rows
        still move after the horizon, whose time is unknown."""
        known = self.last_motion[self.last_motion <= self.horizon]
        first = int(self.steps[0]) if len(self.steps) else 0
        counts, edges = np.histogram(known, bins=bins, range=(first, max(self.horizon, first + 1)))
        return edges, counts.astype(np.int64), len(self.last_motion) - len(known)

    @property
    def frozen_before_the_horizon(self) -> bool:
        """Whether the last motion of any row is known."""
        return bool(np.any(self.last_motion <= self.horizon))

    def draw(self, ax: Axes | None = None) -> Axes:
        """Frozen fraction (up to the horizon) and unmoved fraction over time, with its reheats; in a new figure,
        below them a histogram of freezing times, if any row freezes. Returns the upper axes."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.rows import falls, freeze_counts, over_each_other
        from gasfield.plots.style import Role

        below = None
        if ax is None and self.frozen_before_the_horizon:
            ax, below = over_each_other()
        known = self.steps <= self.horizon
        frozen = Curve(self.steps[known], self.frozen[known], Role.REAL, "frozen: never moves again")
        unmoved = Curve(self.steps[1:], self.unmoved, Role.CONTEXT, "unmoved in this step")
        title = f"{self.group}: frozen and unmoved rows"
        ax = curves([unmoved, frozen], title, "share of rows", limits=(-0.03, 1.03), ax=ax)
        falls([(reheat.start, reheat.end) for reheat in self.reheats], ax)
        if below is not None:
            freeze_counts(*self.freeze_times(), self.horizon, below)
        return ax


@register
class Freezing(LatticeDiagnostic[FreezingResult]):
    """Frozen and unmoved fractions of a group."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("frozen.fraction", "frozen.t50")

    kind: Literal["freezing"] = "freezing"
    quiet: float = Field(default=0.1, gt=0.0, lt=1.0)
    """Share of the recording, at its end, in which a frozen row must not have moved."""
    quiet_steps: int = Field(default=10, ge=1)
    """Fewest steps without motion between two motions for a thaw to be counted."""

    def measure(self, group: Group, notes: list[str]) -> FreezingResult:
        """The results for one group."""
        motion = _Motion.of(group, self.quiet_steps)
        last_motion, thaws = motion.last, motion.thaws
        count = group.count
        frozen = np.full(len(group.steps), np.nan)
        if count:
            frozen = np.searchsorted(np.sort(last_motion), group.steps, side="right") / count
        unmoved = 1.0 - motion.rows / count if count else np.full(len(motion.rows), np.nan)
        horizon = horizon_of(group.steps, self.quiet)
        reheats = find_reheats(unmoved, group.steps[1:], count) if count else []
        estimates = _estimates(group, motion.at_end, last_motion, horizon, notes)
        if motion.at_end.size:
            estimates |= self._again(thaws, reheats, notes)
        return FreezingResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=group.steps,
            last_motion=last_motion,
            frozen=frozen,
            frozen_error=share_error(frozen, count),
            unmoved=unmoved,
            unmoved_error=share_error(unmoved, count),
            horizon=horizon,
            thaws=thaws,
            reheats=tuple(reheats),
        )

    def _again(self, thaws: Thaws, reheats: list[Reheat], notes: list[str]) -> dict[str, Estimate]:
        """The keys of thaws and reheats; undefined values are added to `notes`."""
        estimates = {
            "frozen.thawed": share(thaws.count > 0),
            "frozen.reheats": exact(len(reheats), "1"),
            "frozen.longest_pause": missing("steps"),
            "frozen.largest_reheat": missing("1"),
        }
        if thaws.count.any():
            estimates["frozen.longest_pause"] = exact(int(thaws.longest.max()), "steps")
        else:
            notes.append(f"frozen.longest_pause: no row moves again after a pause of {self.quiet_steps} steps")
        if reheats:
            largest = max(reheats, key=lambda reheat: reheat.size)
            estimates["frozen.largest_reheat"] = stated(largest.size, largest.error, "1")
        else:
            notes.append("frozen.largest_reheat: the unmoved share never falls by more than chance explains")
        return estimates


@dataclass(frozen=True)
class _Motion:
    """Which rows moved when.

    Attributes:
        last: (N,) the last step of each row in which it moved; the first one if it never did.
        rows: (T - 1,) rows that moved in each interval.
        at_end: (N,) whether a row moved in the last interval; empty if there is none.
        thaws: the pauses of each row.
    """

    last: NDArray[np.int64]
    rows: NDArray[np.int64]
    at_end: NDArray[np.bool_]
    thaws: Thaws

    @classmethod
    def of(cls, group: Group, shortest: int) -> Self:
        """Computed for a group, with pauses of a minimum number of steps; a block of rows at a time."""
        intervals = max(len(group.steps) - 1, 0)
        last, count, longest = np.zeros((3, group.count), np.int64)
        rows, at_end = np.zeros(intervals, np.int64), np.zeros(group.count if intervals else 0, bool)
        for part in group.row_blocks() if len(group.steps) else ():
            moved = rows_moved(np.asarray(group.positions[:, part]))
            thaws = find_thaws(moved, group.steps, shortest)
            last[part], count[part], longest[part] = group.steps[last_frame(moved)], thaws.count, thaws.longest
            rows += moved.sum(axis=1)
            if intervals:
                at_end[part] = moved[-1]
        return cls(last, rows, at_end, Thaws(count, longest))


def horizon_of(steps: NDArray[np.int64], quiet: float) -> int:
    """The last recorded step at least the share `quiet` of a recording before its end; the first at the earliest."""
    if not len(steps):
        return 0
    latest = steps[-1] - quiet * (steps[-1] - steps[0])
    return int(steps[max(int(np.searchsorted(steps, latest, side="right")) - 1, 0)])


def rows_moved(positions: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(T - 1, N) whether any bit of the row differs between successive frames of (T, N, D)."""
    words = np.ascontiguousarray(positions).view(f"u{positions.dtype.itemsize}")
    moved = np.zeros((max(len(words) - 1, 0), words.shape[1]), bool)
    for frame in range(len(moved)):  # one by one: to compare all frames at once would take as much memory as they do
        moved[frame] = (words[frame + 1] != words[frame]).any(axis=1)
    return moved


def last_frame(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) frame in which the last interval ends whose flag (T - 1, N) is true; 0 for a row without."""
    intervals, count = flags.shape
    if not intervals:
        return np.zeros(count, np.int64)
    last = intervals - np.argmax(flags[::-1], axis=0)
    return np.where(flags.any(axis=0), last, 0).astype(np.int64)


def _estimates(
    group: Group, moved_at_end: NDArray[np.bool_], last_motion: NDArray[np.int64], horizon: int, notes: list[str]
) -> dict[str, Estimate]:
    """All keys; undefined values are added to `notes`."""
    shares = ("frozen.fraction", "unmoved.fraction", "frozen.thawed", "frozen.reheats", "frozen.largest_reheat")
    times = (*_QUANTILES, "frozen.quiet", "frozen.recording", "frozen.longest_pause")
    estimates = dict.fromkeys(shares, missing("1")) | dict.fromkeys(times, missing("steps"))
    if not moved_at_end.size:
        notes.append("no row is present in two frames: frozen and unmoved rows are undefined")
        return estimates
    frozen = last_motion <= horizon
    estimates["frozen.fraction"] = share(frozen)
    estimates["frozen.quiet"] = exact(group.steps[-1] - horizon, "steps")
    estimates["frozen.recording"] = exact(group.steps[-1] - group.steps[0], "steps")
    estimates["unmoved.fraction"] = share(~moved_at_end)
    for key, probability in _QUANTILES.items():
        if frozen.mean() >= probability:
            estimates[key] = time_by_which(last_motion, probability, horizon)
        else:
            quiet = group.steps[-1] - horizon
            notes.append(f"{key}: fewer than {probability:.0%} of the rows are frozen {quiet} steps before the end")
    if group.interval != "step":
        notes.append(f"frames are not one step apart: a row that is back after {group.interval} counts as unmoved")
    return estimates


def time_by_which(times: NDArray[np.int64], probability: float, horizon: int) -> Estimate:
    """Quantile of the rows' times (N,) at a share; times after the horizon are censored.

    There is no error where the ranks that bracket it reach past the horizon.
    """
    ordered = np.sort(times)
    rank = int(np.ceil(probability * len(ordered))) - 1
    spread = np.sqrt(len(ordered) * probability * (1 - probability))
    upper = ordered[min(int(np.ceil(rank + spread)), len(ordered) - 1)]
    estimate = quantile(times, probability, "steps")
    known = upper <= horizon
    return replace(estimate, value=np.array(float(ordered[rank])), pseudo=estimate.pseudo if known else None)
