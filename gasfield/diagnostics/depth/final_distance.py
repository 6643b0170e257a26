"""How far each token is from its final state: 1 - cos(x(s), x(end)) over depth.

Tokens of one text share much of their direction, so that a state is near to any final state. What belongs to the token
itself is measured against a null: its distance to the final states of other tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gasfield.diagnostics.base import Axes, GroupedResult, Values
from gasfield.diagnostics.depth.base import FEWEST, DepthDiagnostic
from gasfield.diagnostics.depth.directions_of_tokens import directions
from gasfield.diagnostics.depth.lens import half_way
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, mean, missing

_KEYS = ("start", "start.with_sinks", "start.null", "middle", "middle.null")


@dataclass(frozen=True, kw_only=True)
class FinalDistanceResult(GroupedResult):
    """Distances over time.

    Attributes:
        times: (F,) layers.
        distances: (F,) mean over tokens, without sinks.
        null: (F,) to the final states of all other tokens.

    Keys: `final_distance.start` and `.middle` (half of the depth), each with `.null`; `.start.with_sinks`;
    `final_distance.own`, the null at the end, where the distance itself is 0: what of its final direction is a token's
    own; `final_distance.half`, the depth [layers] from which on null minus distance is nearer to that than to its
    start.
    """

    times: Values
    distances: Values
    null: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[FinalDistanceResult], ax: Axes | None = None) -> Axes:
        """The distances over depth."""
        from gasfield.plots.time_series import over_time

        lines = {result.group: (result.times, result.distances) for result in results}
        return over_time(lines, "Distance to the final state", "1 - cosine", ax)


@register
class FinalDistance(DepthDiagnostic[FinalDistanceResult]):
    """Distance of the tokens to their final states."""

    kind: Literal["final_distance"] = "final_distance"

    def measure(self, group: Group, notes: list[str]) -> FinalDistanceResult:
        """The results for one group."""
        kept = ~self.of(group, notes).flags
        end = directions(group.frame(-1)) if len(group.steps) else np.empty((0, group.dimensions))
        own = [1.0 - np.sum(directions(x) * end, axis=1) for _, block in group.blocks() for x in block]
        every = [_to_others(directions(x)[kept], end[kept]) for _, block in group.blocks() for x in block]
        distances, others = np.array([d[kept] for d in own]), np.array(every)
        told: dict[str, Estimate] = {f"final_distance.{key}": missing("1") for key in (*_KEYS, "own")}
        told["final_distance.half"] = missing("layers")
        if kept.sum() < FEWEST or not np.isfinite(distances).all():
            notes.append("fewer than four tokens, or one at the origin: directions are undefined")
        else:
            middle = len(distances) // 2
            told |= {
                "final_distance.start": mean(distances[0], "1"),
                "final_distance.start.null": mean(others[0], "1"),
                "final_distance.start.with_sinks": mean(own[0], "1"),
                "final_distance.middle": mean(distances[middle], "1"),
                "final_distance.middle.null": mean(others[middle], "1"),
                "final_distance.own": mean(others[-1], "1"),
            }
            half = half_way(group.times, others.mean(axis=1) - distances.mean(axis=1))
            if np.isfinite(half):
                told["final_distance.half"] = exact(half, "layers")
            else:
                notes.append("what is a token's own does not grow over depth: it has no half-way")
        return FinalDistanceResult(
            group=group.name,
            estimates=told,
            notes=tuple(notes),
            times=group.times,
            distances=distances.mean(axis=1) if distances.size else np.full(len(group.steps), np.nan),
            null=others.mean(axis=1) if others.size else np.full(len(group.steps), np.nan),
        )


def _to_others(units: Values, end: Values) -> Values:
    """(S,) of each of unit vectors (S, D), the mean of 1 - cosine to the final directions of all others."""
    if len(units) < 2:
        return np.full(len(units), np.nan)
    total: Values = (units @ end.sum(axis=0) - np.sum(units * end, axis=1)) / (len(units) - 1)
    return 1.0 - total
