"""Alignment: the mean cosine between tokens over depth, against the mean-field theory of attention.

The theory (`mean_field`) has no free parameter but its time. What it excludes is that tokens with positive cosines move
apart again, and that cosines differ from pair to pair; both are measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, GroupedResult, Values
from gasfield.diagnostics.depth.base import FEWEST, DepthDiagnostic
from gasfield.diagnostics.depth.directions_of_tokens import (
    cluster_count,
    cosine_spread,
    directions,
    mean_cosine,
)
from gasfield.diagnostics.depth.mean_field import effective_time
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing, stated
from gasfield.streams import Stream, generator

_KEYS = ("start", "end", "end.with_sinks", "end.null", "most", "effective_time", "falls", "spread")


@dataclass(frozen=True, kw_only=True)
class AlignmentResult(GroupedResult):
    """Mean cosines over time.

    Attributes:
        times: (F,) layers in a transformer.
        cosines: (F,) mean cosine of two different tokens, without sinks.
        with_sinks: (F,) the same with them.
        spread: (F,) standard deviation of the cosines of all pairs.
        effective: (F,) time by the mean-field law since the first frame; NaN where the law has no path.
        clusters: (F,) numbers of clusters.

    Keys: `alignment.start`, `.end` and `.end.with_sinks`; `.end.null` (every token's components multiplied by random
    signs of its own, with the scatter of the draws); `.most`, the largest over depth; `.effective_time` at the end
    [time of the law]; `.falls`, the share of the intervals in which the mean cosine falls by more than its error,
    which is 0 by the law; `.spread` at the end; `alignment.clusters.start` and `.end`, numbers of clusters over the
    number of tokens. Errors are jackknife errors over tokens.
    """

    times: Values
    cosines: Values
    with_sinks: Values
    spread: Values
    effective: Values
    clusters: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[AlignmentResult], ax: Axes | None = None) -> Axes:
        """The mean cosine over time."""
        from gasfield.plots.time_series import over_time

        lines = {result.group: (result.times, result.cosines) for result in results}
        return over_time(lines, "Mean cosine between tokens", "mean cosine", ax)


@register
class Alignment(DepthDiagnostic[AlignmentResult]):
    """Mean cosine between tokens, clusters, and the effective time of the mean-field law."""

    telling: ClassVar[tuple[str, ...] | None] = ("alignment.end", "alignment.start")

    kind: Literal["alignment"] = "alignment"
    beta: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    """Inverse temperature of attention in the mean-field law."""
    near: float = Field(default=0.9, gt=0.0, lt=1.0)
    """Cosine from which two tokens belong to one cluster (single linkage)."""

    def objection(self, group: Group) -> str | None:
        """Applies to tokens in a transformer, and to particles on a sphere, as those of the theory."""
        if not group.origin.layered and not group.curved:
            return "its time is not the depth of a transformer, and its particles are not on a sphere"
        return f"{group.count} tokens: too few for an order" if group.count < FEWEST else None

    def measure(self, group: Group, notes: list[str]) -> AlignmentResult:
        """The results for one group."""
        sinks = self.of(group, notes)
        kept, count = ~sinks.flags, int(np.sum(~sinks.flags))
        rows = [_Frame.of(x, kept, self.near) for _, block in group.blocks() for x in block]
        cosines = np.array([row.cosine for row in rows])
        errors = np.array([row.estimate.error if row.estimate.error is not None else np.nan for row in rows], float)
        effective = np.array([effective_time(cosines[0], c, count, self.beta) for c in cosines])
        if count < FEWEST or not np.isfinite(cosines).all():
            notes.append("fewer than four tokens, or one at the origin: directions are undefined")
        elif not np.isfinite(effective[-1]):
            notes.append("the mean-field law has no path between the cosines at the start and at the end")
        return AlignmentResult(
            group=group.name,
            estimates=self._estimates(group, kept, rows, errors, effective),
            notes=tuple(notes),
            times=group.times,
            cosines=cosines,
            with_sinks=np.array([row.with_sinks for row in rows]),
            spread=np.array([row.spread for row in rows]),
            effective=effective,
            clusters=np.array([row.clusters for row in rows]),
        )

    def _estimates(
        self, group: Group, kept: NDArray[np.bool_], rows: Sequence[_Frame], errors: Values, effective: Values
    ) -> dict[str, Estimate]:
        told = {f"alignment.{key}": missing("1") for key in (*_KEYS, "clusters.start", "clusters.end")}
        told["alignment.effective_time"] = missing("1")
        cosines = np.array([row.cosine for row in rows])
        if kept.sum() < FEWEST or not np.isfinite(cosines).all():
            return told
        first, last = rows[0], rows[-1]
        falls = np.diff(cosines) < -np.hypot(errors[1:], errors[:-1])
        told |= {
            "alignment.start": first.estimate,
            "alignment.end": last.estimate,
            "alignment.end.with_sinks": exact(last.with_sinks, "1"),
            "alignment.end.null": random_signs(group.frame(-1)[kept]),
            "alignment.most": rows[int(cosines.argmax())].estimate,
            "alignment.falls": exact(float(falls.mean()), "1"),
            "alignment.spread": exact(last.spread, "1"),
            "alignment.clusters.start": exact(first.clusters / kept.sum(), "1"),
            "alignment.clusters.end": exact(last.clusters / kept.sum(), "1"),
        }
        if np.isfinite(effective[-1]):
            told["alignment.effective_time"] = exact(effective[-1], "1")
        return told


@dataclass(frozen=True)
class _Frame:
    """One frame: the mean cosine with its error, without and with sinks, the spread, the number of clusters."""

    estimate: Estimate
    with_sinks: float
    spread: float
    clusters: int

    @property
    def cosine(self) -> float:
        return float(self.estimate.value)

    @classmethod
    def of(cls, x: Values, kept: NDArray[np.bool_], near: float) -> _Frame:
        units = directions(x)
        chosen = units[kept]
        estimate = jackknife(*mean_cosine(chosen), "1")
        return cls(estimate, mean_cosine(units)[0], cosine_spread(chosen), cluster_count(chosen, near))


def random_signs(x: Values, draws: int = 20) -> Estimate:
    """Mean cosine of rows (S, D) after their components were multiplied by random signs: what their sizes alone give,
    with the scatter over draws."""
    chance = generator(0, Stream.PERMUTATIONS, 2)
    found = [mean_cosine(directions(x * chance.choice([-1.0, 1.0], x.shape)))[0] for _ in range(draws)]
    return stated(np.mean(found), np.std(found, ddof=1), "1")
