"""Breathing: how the size of a group oscillates, and with what period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import exact, missing, stated


@dataclass(frozen=True, kw_only=True)
class BreathingResult(GroupedResult):
    """The size of a group over time.

    Attributes:
        times: (T,).
        radii: (T,) root mean square distance to the centre of mass [length].

    Keys: `breathing.start`, `.end`, `.least` and `.greatest` (root mean square radius); `breathing.maxima`, how often
    it turned from expansion to contraction; `breathing.period`, the mean time between such turns with its standard
    error, from two of them on; `breathing.fading`, the share of the depth of an oscillation that is left after a
    period, from three oscillations on.
    """

    times: Values
    radii: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[BreathingResult], ax: Axes | None = None) -> Axes:
        """Radius over time, on a logarithmic axis."""
        from gasfield.plots.time_series import over_time

        lines = {result.group: (result.times, result.radii) for result in results}
        return over_time(lines, "Breathing", "root mean square radius [length]", ax, log=True)


@register
class Breathing(Diagnostic[BreathingResult]):
    """Root mean square radius about the centre of mass, its maxima and their period."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("breathing.period", "breathing.fading")

    kind: Literal["breathing"] = "breathing"

    def objection(self, group: Group) -> str | None:
        """Needs two particles with velocities that interact, in a space that is not periodic."""
        if not group.run.dynamics.has_velocities:
            return "without velocities there is no oscillation"
        if not group.forces.interacting:
            return "its particles do not interact"
        if group.repeats:
            return "in a periodic space the size of a group is undefined"
        return "a single particle has no size" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> BreathingResult:
        """The results for one group."""
        radii = np.concatenate([_radii(x, group.masses) for _, x in group.blocks()])
        turns, heights = maxima(group.times, radii)
        _, depths = maxima(group.times, -radii)
        gaps = np.diff(turns)
        period, fading = missing("time"), missing("1")
        if len(gaps):
            error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
            period = stated(gaps.mean(), error, "time")
        else:
            notes.append("fewer than two maxima of the radius: the period is undefined")
        swings = heights[: len(depths)] + depths[: len(heights)]  # a maximum above the minimum that goes with it
        if len(swings) > 2 and swings.min() > 0.0:
            fading = exact(float(np.exp(np.polyfit(np.arange(len(swings)), np.log(swings), 1)[0])), "1")
        return BreathingResult(
            group=group.name,
            estimates={
                "breathing.start": exact(radii[0], "length"),
                "breathing.end": exact(radii[-1], "length"),
                "breathing.least": exact(radii.min(), "length"),
                "breathing.greatest": exact(radii.max(), "length"),
                "breathing.maxima": exact(len(turns), "1"),
                "breathing.period": period,
                "breathing.fading": fading,
            },
            notes=tuple(notes),
            times=group.times,
            radii=radii,
        )


def maxima(times: Values, values: Values) -> tuple[Values, Values]:
    """Times and heights of the inner maxima of a series (T,), each the top of the parabola through three points."""
    inner = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    before, here, after = values[inner - 1], values[inner], values[inner + 1]
    shift = 0.5 * (before - after) / (before - 2.0 * here + after)
    spacing = times[inner + 1] - times[inner]
    return times[inner] + shift * spacing, here - 0.25 * (before - after) * shift


def _radii(x: Values, masses: Values) -> Values:
    """(t,) root mean square distance of positions (t, N, D) to their centre of mass."""
    share = masses / masses.sum()
    apart = x - np.einsum("n,tnd->td", share, x)[:, None]
    return np.asarray(np.sqrt(np.einsum("n,tnd,tnd->t", share, apart, apart)), np.float64)
