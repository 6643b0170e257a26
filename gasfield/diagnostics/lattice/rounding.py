"""What rounding takes from an optimiser: the share of coordinates that feel its decay, and the updates that are lost.

A weight w on a lattice with the spacing s(w) keeps its value if an update changes it by less than s(w)/2. Decay changes
it by learning_rate x weight_decay x |w|, and s(w)/|w| lies between 2^-7 and 2^-8 in bfloat16 (2^-23 and 2^-24 in
float32): below 2^-9 (2^-25) no coordinate feels it, except that towards 0 half as much is enough at a power of two.
Whether one does is computed by the optimiser itself, in an update without gradient and moments. Where decay and update
are rounded together (bfloat16 weights, float32 moments), decay that is lost alone still decides some roundings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.dynamics.optimiser import Optimiser
from gasfield.dynamics.rounding_loss import RoundingLoss
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, mean, missing

_FRAMES = 60
"""Most frames that are looked at."""


@dataclass(frozen=True, kw_only=True)
class RoundingResult(Result):
    """What rounding takes at some of the frames.

    Attributes:
        steps: (T,) of these frames.
        felt: (T,) share of the coordinates that the decay alone changes.
        lost: (T,) median size below which an update of a coordinate is rounded away [length].

    Keys: `decay.felt.start`, `decay.felt.end` (mean over rows of the share of their coordinates that are not 0; None
    without decay), `lost_update.start`, `lost_update.end` (mean over rows of the median over their coordinates).
    """

    steps: NDArray[np.int64]
    felt: Values
    lost: Values

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {"felt": (self.felt, "1"), "lost": (self.lost, "length")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The size of a lost update over time."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import Role

        line = Curve(self.steps, self.lost, Role.REAL, "half a cell: median over coordinates")
        share = "" if np.isnan(self.felt).all() else f"; {self.felt[-1]:.0%} of the coordinates feel the decay"
        return curves([line], f"{self.group}: smaller updates are lost{share}", "update [length]", log=True, ax=ax)


@register
class Rounding(Diagnostic[RoundingResult]):
    """The share of coordinates that feel the decay of an optimiser, and the size of updates that are lost."""

    needs_run: ClassVar[bool] = True

    kind: Literal["rounding"] = "rounding"

    def objection(self, group: Group) -> str | None:
        """Applies to the weights of an optimiser that are rounded to nearest."""
        if not group.run.dynamics.is_optimiser:
            return "only weights of an optimiser are rounded"
        if not cast(Optimiser, group.run.dynamics).fixed.loses_updates:
            return "no update is lost: weights are rounded at random, or what is rounded away is kept"
        return None

    def measure(self, group: Group, notes: list[str]) -> RoundingResult:
        """The results for one group."""
        law = cast(Optimiser, group.run.dynamics).strongest
        frames = spread_over(len(group.steps), _FRAMES)
        rows = [_of_rows(law, group.frame(int(frame))) for frame in frames]
        estimates = {f"decay.felt.{end}": missing("1") for end in ("start", "end")}
        estimates |= {f"lost_update.{end}": missing("length") for end in ("start", "end")}
        for end, (felt, lost) in zip(("start", "end"), (rows[0], rows[-1]) if rows else (), strict=False):
            estimates[f"decay.felt.{end}"] = _mean(felt, "1")
            estimates[f"lost_update.{end}"] = _mean(lost, "length")
        if not law.weight_decay:
            notes.append("decay.felt: there is no weight decay")
        if any(estimates[f"lost_update.{end}"].quantity().value is None for end in ("start", "end")):
            notes.append("decay.felt, lost_update: all coordinates are 0")
        return RoundingResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=group.steps[frames],
            felt=np.array([_of_known(felt) for felt, _ in rows]),
            lost=np.array([_of_known(lost) for _, lost in rows]),
        )


def _of_rows(law: Optimiser, positions: NDArray[np.float64]) -> tuple[Values, Values]:
    """(N,) share of the coordinates of each row that feel the decay, and (N,) median size of a lost update; NaN where
    there is no decay, or all coordinates are 0."""
    loss = RoundingLoss.of(law, positions)
    counts = loss.nonzero.sum(axis=1)
    felt = np.full(len(positions), np.nan)
    if law.weight_decay:
        np.divide((loss.decayed & loss.nonzero).sum(axis=1), counts, out=felt, where=counts > 0)
    lost = np.where(loss.nonzero, loss.lost, np.nan)
    medians = np.full(len(positions), np.nan)
    medians[counts > 0] = np.nanmedian(lost[counts > 0], axis=1)
    return felt, medians


def _mean(values: Values, unit: str) -> Estimate:
    known = values[np.isfinite(values)]
    return mean(known, unit) if len(known) else missing(unit)


def _of_known(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
