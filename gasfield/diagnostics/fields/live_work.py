"""The work that push, pull and input side of a live row's gradient do on it, by how often the token occurs.

The gradient of a row is g = push + pull + input side, up to rounding, the residual. While the optimiser moves the row
by dW in a step, the part g_k does the work

    A_k = -<g_k, dW>,        sum_k A_k = -<g, dW>,

the force times the way: what the motion of this row takes off the loss by this part, to first order in the step. Under
AdamW dW is not along the gradient, and a part may resist the motion: its work is then negative. The share of a part is
its work, over that of the whole gradient, both summed over steps and rows; shares sum to 1 with the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.count_classes import CountClass, count_classes
from gasfield.statistics.estimate import Estimate, exact, jackknife, mean, missing
from gasfield.trajectory import LiveRecord
from gasfield.trajectory.schema import PARTS

KINDS = (*PARTS, "residual")
_UNRECORDED = "how often its tokens occur, and the parts of their gradients, are not recorded"


@dataclass(frozen=True, kw_only=True)
class LiveWorkResult(Result):
    """Work over time.

    Attributes:
        steps: (S,) the steps whose updates are looked at.
        occurrences: (N,) how often each token occurred in these steps.
        work: (S, N, 4) of push, pull, input side and residual on each row in each step [loss].
        classes: tokens that occur about equally often.

    Keys, for each class (`0`, `1-3`, `4-15`, ... occurrences): `live_work.CLASS.rows`, `.work`, the work of the whole
    gradient on a row, mean over rows [loss], and `.push`, `.pull`, `.input`, `.residual`, the shares of the parts.
    """

    steps: NDArray[np.int64]
    occurrences: NDArray[np.int64]
    work: Values
    classes: tuple[CountClass, ...]

    def arrays(self) -> Mapping[str, tuple[NDArray[Any], str]]:
        """`live_work.work`, `.occurrences`, `.steps`."""
        return {
            "live_work.work": (self.work, "loss"),
            "live_work.occurrences": (self.occurrences, "1"),
            "live_work.steps": (self.steps, "steps"),
        }

    def draw(self, ax: Axes | None = None) -> Axes:
        """Shares of push (solid), pull (dashed) and input side (dotted) of the work so far, over the steps."""
        from gasfield.plots.work import shares_so_far

        so_far = {each.name: np.cumsum(self.work[:, each.members].sum(axis=1), axis=0) for each in self.classes}
        return shares_so_far(self.steps + 1.0, so_far, f"{self.group}: work by occurrences of the token", ax)


@register
class LiveWork(Diagnostic[LiveWorkResult]):
    """Work of the parts of the gradient on live rows, where a recorder kept them at every step."""

    needs_motion: ClassVar[bool] = True

    kind: Literal["live_work"] = "live_work"

    def objection(self, group: Group) -> str | None:
        """Needs parts and counts, and frames one step apart."""
        if group.live is None or not group.live.has_parts:
            return _UNRECORDED
        return None if len(_frames(group, group.live)) else "its frames are not one step apart where they are recorded"

    def measure(self, group: Group, notes: list[str]) -> LiveWorkResult:
        """The results for one group."""
        live = group.live
        assert live is not None
        frames = _frames(group, live)
        if len(frames) < len(group.steps) - 1:
            notes.append(f"live_work: of {len(frames)} of the {len(group.steps) - 1} intervals between frames")
        steps = group.steps[frames]
        work = _work(group, live, frames)
        occurrences = live.occurrences(int(steps[0]), int(steps[-1]) + 1)
        classes = tuple(count_classes(occurrences))
        estimates: dict[str, Estimate] = {}
        for each in classes:
            own = _estimates(work[:, each.members].sum(axis=0), notes, each.name)
            estimates |= {f"live_work.{each.name}.{key}": value for key, value in own.items()}
        return LiveWorkResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=steps,
            occurrences=occurrences,
            work=work,
            classes=classes,
        )


def _frames(group: Group, live: LiveRecord) -> NDArray[np.int64]:
    """The frames whose next one is a step later, and at which gradients and their parts are recorded."""
    known = group.steps[:-1][np.diff(group.steps) == 1]
    for series in (live.gradient(), *(live.part(name) for name in PARTS)):
        known = np.intersect1d(known, series.steps)
    return np.asarray(np.searchsorted(group.steps, known), np.int64)


def _work(group: Group, live: LiveRecord, frames: NDArray[np.int64]) -> Values:
    """(S, N, 4) of each part, on each row, in the step after each frame."""
    found = np.empty((len(frames), group.count, len(KINDS)))
    moved = np.stack([group.frame(frame + 1) - group.frame(frame) for frame in frames])
    for kind, name in enumerate(PARTS):
        found[:, :, kind] = -np.einsum("tnd,tnd->tn", _at(live, name, group.steps[frames]), moved)
    whole = -np.einsum("tnd,tnd->tn", _at(live, "", group.steps[frames]), moved)
    found[:, :, -1] = whole - found[:, :, :-1].sum(axis=2)
    return found


def _at(live: LiveRecord, name: str, steps: NDArray[np.int64]) -> Values:
    """(S, N, D) a part of the gradients, or all of it, at some steps."""
    series = live.part(name) if name else live.gradient()
    return np.asarray(series.values[np.searchsorted(series.steps, steps)], np.float64)


def _estimates(work: Values, notes: list[str], name: str) -> dict[str, Estimate]:
    """Of the rows of a class, from the work (n, 4) of each part on each of them."""
    whole = work.sum(axis=1)
    found = {"rows": exact(len(work), "rows"), "work": mean(whole, "loss")}
    total = whole.sum()
    if total == 0:
        notes.append(f"live_work.{name}: the gradient does no work on these rows, so that there are no shares")
        return found | {kind: missing("1") for kind in KINDS}
    without = total - whole
    for kind, own in zip(KINDS, work.T, strict=True):
        left = np.divide(own.sum() - own, without, out=np.full(len(own), np.nan), where=without != 0)
        found[kind] = jackknife(own.sum() / total, left, "1")
    return found
