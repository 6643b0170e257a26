"""When rows stand still, bit for bit: for one step, and for good.

"Frozen" is by last motion: no bit of the row changes later in the trajectory. Every row is frozen at the last frame by
that definition, so the fraction is stated at a horizon a little earlier: frozen rows are those that did not move during
the last `quiet` steps. A longer recording may show a row move again. The share of rows that did not move in one step is
another number, and may fall again. Bits are compared, not values: a change from +0 to -0 is a motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Result, Scope
from gasfield.diagnostics.estimate import Estimate, exact, missing, quantile, share, share_error
from gasfield.diagnostics.group import Group, as_group
from gasfield.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FreezingResult(Result):
    """Last motions and the curves that follow from them.

    Attributes:
        steps: (T,).
        last_motion: (N,) step of the frame from which on no bit of the row changes.
        frozen, frozen_error: (T,) share of rows whose last motion is at or before each frame. It is 1 at the last frame
            for every trajectory, and means little beyond `horizon`.
        unmoved, unmoved_error: (T - 1,) share of rows with the same bits at both ends of the interval that ends at
            steps[1:].
        horizon: the last step with `quiet` steps after it.

    Keys: `frozen.fraction` (at the horizon), `frozen.t50` and `frozen.t90` (step at which half and 90% of the rows are
    frozen; None if that is not before the horizon), `frozen.quiet` and `frozen.recording` (steps from the horizon, and
    from the first frame, to the last), `unmoved.fraction` (in the last interval).
    """

    steps: NDArray[np.int64]
    last_motion: NDArray[np.int64]
    frozen: Values
    frozen_error: Values
    unmoved: Values
    unmoved_error: Values
    horizon: int

    def plot(self, ax: Axes | None = None) -> Axes:
        """Frozen fraction (up to the horizon) and unmoved fraction over time."""
        from gasfield.plots import Curve, Role, curves

        known = self.steps <= self.horizon
        frozen = Curve(self.steps[known], self.frozen[known], Role.REAL, "frozen: never moves again")
        unmoved = Curve(self.steps[1:], self.unmoved, Role.CONTEXT, "unmoved in this step")
        title = f"{self.group}: rows that stand still"
        return curves([unmoved, frozen], title, "share of rows", limits=(-0.03, 1.03), ax=ax)


@dataclass(frozen=True)
class Freezing:
    """Frozen and unmoved fractions of a group.

    Attributes:
        quiet: share of the recording, at its end, in which a frozen row must not have moved.
    """

    quiet: float = 0.1
    name: ClassVar[str] = "freezing"
    scope: ClassVar[Scope] = Scope.GROUP

    def __post_init__(self) -> None:
        if not 0 < self.quiet < 1:
            raise ValueError(f"quiet is a share of the recording between 0 and 1, not {self.quiet}")

    def left_out(self, group: Group) -> str | None:
        """Applies to every group with two frames."""
        return "one frame only: nothing moves" if len(group.steps) < 2 else None

    def compute(self, source: Group | Trajectory) -> FreezingResult:
        """The results for one group, or for all rows of a trajectory at once."""
        group = as_group(source).present()
        notes = list(group.notes)
        moved = rows_moved(group.positions)
        last_motion = group.steps[_last_frame_of_motion(moved)] if len(group.steps) else np.zeros(group.count, np.int64)
        count = group.count
        frozen = np.full(len(group.steps), np.nan)
        if count:
            frozen = np.searchsorted(np.sort(last_motion), group.steps, side="right") / count
        unmoved = 1.0 - moved.mean(axis=1) if count else np.full(len(moved), np.nan)
        horizon = self._horizon(group.steps)
        return FreezingResult(
            group=group.name,
            estimates=_estimates(group, moved, last_motion, horizon, notes),
            notes=tuple(notes),
            steps=group.steps,
            last_motion=last_motion,
            frozen=frozen,
            frozen_error=share_error(frozen, count),
            unmoved=unmoved,
            unmoved_error=share_error(unmoved, count),
            horizon=horizon,
        )

    def _horizon(self, steps: NDArray[np.int64]) -> int:
        """The last recorded step at least `quiet` of the recording before its end; the first step at the earliest."""
        if not len(steps):
            return 0
        latest = steps[-1] - self.quiet * (steps[-1] - steps[0])
        return int(steps[max(int(np.searchsorted(steps, latest, side="right")) - 1, 0)])


def rows_moved(positions: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(T - 1, N): does any bit of the row differ between successive frames of (T, N, D)?"""
    words = np.ascontiguousarray(positions).view(f"u{positions.dtype.itemsize}")
    moved = np.zeros((max(len(words) - 1, 0), words.shape[1]), bool)
    for frame in range(len(moved)):  # one by one: to compare all frames at once would take as much memory as they do
        moved[frame] = (words[frame + 1] != words[frame]).any(axis=1)
    return moved


def _last_frame_of_motion(moved: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) frame in which the last motion of each row ends; 0 for a row that never moves."""
    intervals, count = moved.shape
    if not intervals:
        return np.zeros(count, np.int64)
    last = intervals - np.argmax(moved[::-1], axis=0)
    return np.where(moved.any(axis=0), last, 0).astype(np.int64)


def _estimates(
    group: Group, moved: NDArray[np.bool_], last_motion: NDArray[np.int64], horizon: int, notes: list[str]
) -> dict[str, Estimate]:
    """All keys; `notes` grows by what is undefined."""
    names = ("frozen.fraction", "frozen.t50", "frozen.t90", "frozen.quiet", "frozen.recording", "unmoved.fraction")
    estimates = {name: missing("1" if name.endswith("fraction") else "steps") for name in names}
    if not moved.size:
        notes.append("no row is present in two frames: standing still is undefined")
        return estimates
    frozen = last_motion <= horizon
    estimates["frozen.fraction"] = share(frozen)
    estimates["frozen.quiet"] = exact(group.steps[-1] - horizon, "steps")
    estimates["frozen.recording"] = exact(group.steps[-1] - group.steps[0], "steps")
    estimates["unmoved.fraction"] = share(~moved[-1])
    for key, probability in (("frozen.t50", 0.5), ("frozen.t90", 0.9)):
        if frozen.mean() >= probability:
            estimates[key] = _time_to_freeze(last_motion, probability, horizon)
        else:
            quiet = group.steps[-1] - horizon
            notes.append(f"{key}: fewer than {probability:.0%} of the rows are frozen {quiet} steps before the end")
    if group.interval != "step":
        notes.append(f"frames are not one step apart: a row that is back after {group.interval} counts as unmoved")
    return estimates


def _time_to_freeze(last_motion: NDArray[np.int64], probability: float, horizon: int) -> Estimate:
    """Step at which a share of the rows is frozen; no error where the ranks that bracket it reach past the horizon."""
    ordered = np.sort(last_motion)
    rank = int(np.ceil(probability * len(ordered))) - 1
    spread = np.sqrt(len(ordered) * probability * (1 - probability))
    upper = ordered[min(int(np.ceil(rank + spread)), len(ordered) - 1)]
    estimate = quantile(last_motion, probability, "steps")
    known = upper <= horizon
    return replace(estimate, value=np.array(float(ordered[rank])), pseudo=estimate.pseudo if known else None)
