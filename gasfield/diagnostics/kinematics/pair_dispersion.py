"""How fast neighbours separate: the distance of pairs over time, against their distance at the start.

Pairs are the bonds of a structure, or else each row and its nearest neighbour in the first frame. The mean logarithm of
their growth over time is a finite-distance Lyapunov exponent: a where a saddle x' = a x has aligned all pairs with x,
0 in a rigid rotation (Lacorata, Aurell and Vulpiani, Ann. Geophys. 19:121, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing
from gasfield.statistics.smoothing import Neighbours
from gasfield.streams import Stream, generator

_MOST = 2048
"""Most rows whose nearest neighbour is followed, and most pairs."""


@dataclass(frozen=True, kw_only=True)
class PairDispersionResult(Result):
    """Distances of pairs over time.

    Attributes:
        steps: (T,).
        times: (T,) since the first frame.
        square: (T,) mean over pairs of the squared distance, over that at the start.
        logarithm: (T,) mean over pairs of the logarithm of the distance over that at the start.

    Keys: `pair_dispersion.ratio` (root of `square` at the end) and `pair_dispersion.rate` (`logarithm` at the end over
    the elapsed time [1/time]). Errors treat pairs as independent.
    """

    steps: NDArray[np.int64]
    times: Values
    square: Values
    logarithm: Values

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {"times": (self.times, "time"), "square": (self.square, "1"), "logarithm": (self.logarithm, "1")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """Growth of the distance over time, as root mean square and as geometric mean."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import SERIES, Role

        lines = [
            Curve(self.steps, np.sqrt(self.square), Role.REAL, "root mean square"),
            Curve(self.steps, np.exp(self.logarithm), Role.CONTEXT, "geometric mean", style={"color": SERIES[1]}),
        ]
        title = f"{self.group}: separation of neighbours"
        return curves(lines, title, "distance / distance at the start", log=True, reference=1.0, ax=ax)


@register
class PairDispersion(Diagnostic[PairDispersionResult]):
    """Dispersion of neighbouring rows of a group."""

    needs_motion: ClassVar[bool] = True

    kind: Literal["pair_dispersion"] = "pair_dispersion"

    def objection(self, group: Group) -> str | None:
        """Applies to two rows or more with two frames."""
        return "one row has no neighbour" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> PairDispersionResult:
        """The results for one group."""
        pairs = _pairs(group) if group.count > 1 and len(group.steps) > 1 else np.empty((0, 2), np.int64)
        apart = _distances(group.positions[0], pairs) > 0 if len(group.steps) else np.zeros(0, bool)
        if not apart.all():
            notes.append(f"{int(np.sum(~apart))} of {len(pairs)} pairs coincide at the start and are left out")
        pairs = pairs[apart] if len(pairs) else pairs
        estimates = {"pair_dispersion.ratio": missing("1"), "pair_dispersion.rate": missing("1/time")}
        square = logarithm = np.full(len(group.steps), np.nan)
        if len(pairs) > 1:
            first, last = (_distances(group.positions[frame], pairs) for frame in (0, -1))
            square, logarithm = np.empty((2, len(group.steps)))
            for frame, x in enumerate(group.positions):
                distances = _distances(x, pairs)
                square[frame] = np.mean(distances**2) / np.mean(first**2)
                with np.errstate(divide="ignore"):
                    logarithm[frame] = np.mean(np.log(distances / first))
            estimates = _estimates(first, last, float(group.times[-1] - group.times[0]), notes)
        else:
            notes.append("fewer than two pairs: their dispersion is undefined")
        return PairDispersionResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=group.steps,
            times=group.times - group.times[0] if len(group.times) else group.times,
            square=square,
            logarithm=logarithm,
        )


def _pairs(group: Group) -> NDArray[np.int64]:
    """(P, 2) bonds, or rows and their nearest neighbours; a random sample where there are many."""
    chance = generator(0, Stream.PERMUTATIONS, 3)
    if len(group.bonds):
        return group.bonds if len(group.bonds) <= _MOST else chance.choice(group.bonds, _MOST, replace=False)
    rows = np.arange(group.count)
    if group.count > _MOST:
        rows = np.sort(chance.choice(group.count, _MOST, replace=False))
    nearest = Neighbours.of(group.frame(0)[rows], 1).indices[:, 0]
    return np.stack([rows, rows[nearest]], axis=1)


def _distances(x: NDArray[np.floating], pairs: NDArray[np.int64]) -> Values:
    apart: Values = np.linalg.norm(x[pairs[:, 0]].astype(np.float64) - x[pairs[:, 1]], axis=1)
    return apart


def _estimates(first: Values, last: Values, elapsed: float, notes: list[str]) -> dict[str, Estimate]:
    """From the distances (P,) of pairs in the first and in the last frame."""
    before, after = first**2, last**2
    without = np.sqrt((after.sum() - after) / (before.sum() - before))
    ratio = jackknife(np.sqrt(after.sum() / before.sum()), without, "1")
    if not np.all(last > 0):
        notes.append("some pairs coincide at the end: the mean logarithm of their distance is undefined")
        return {"pair_dispersion.ratio": ratio, "pair_dispersion.rate": missing("1/time")}
    return {
        "pair_dispersion.ratio": ratio,
        "pair_dispersion.rate": mean(np.log(last / first) / elapsed, "1/time"),
    }
