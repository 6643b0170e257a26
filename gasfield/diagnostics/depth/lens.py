"""The logit lens over depth: what the model would say of the next token if it ended at each layer.

Energy -log p of the true next token and entropy of the law of the next token (nostalgebraist 2020; Belrose et al.,
arXiv 2303.08112), at the layers at which the trace kept them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gasfield.diagnostics.base import Axes, GroupedResult, Values
from gasfield.diagnostics.depth.base import DepthDiagnostic
from gasfield.diagnostics.depth.traced import trace_of
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, mean, missing

_QUANTITIES = ("energy", "entropy")


@dataclass(frozen=True, kw_only=True)
class LensResult(GroupedResult):
    """The lens over depth.

    Attributes:
        times: (F',) [layers].
        energy: (F',) mean over tokens without sinks [nats].
        entropy: (F',) [nats].
        energy_with_sinks, entropy_with_sinks: (F',).

    Keys, for QUANTITY `energy` and `entropy`: `lens.QUANTITY.start`, `.end`, `.end.with_sinks`, and `.half`, the depth
    [layers] from which on the mean has gone more than half of its way from start to end.
    """

    times: Values
    energy: Values
    entropy: Values
    energy_with_sinks: Values
    entropy_with_sinks: Values

    @classmethod
    def plot_grouped(cls, results: Sequence[LensResult], ax: Axes | None = None) -> Axes:
        """The entropy over depth."""
        from gasfield.plots.time_series import over_time

        lines = {result.group: (result.times, result.entropy) for result in results}
        return over_time(lines, "Entropy of the next token by the logit lens", "entropy (nats)", ax)


@register
class Lens(DepthDiagnostic[LensResult]):
    """Energy and entropy of the next token by the logit lens."""

    kind: Literal["lens"] = "lens"

    def objection(self, group: Group) -> str | None:
        """Needs the logit lens of a trace."""
        if not trace_of(group).has_lens:
            return "the trace was made without the logit lens"
        return super().objection(group)

    def measure(self, group: Group, notes: list[str]) -> LensResult:
        """The results for one group."""
        trace, kept = trace_of(group), ~self.of(group, notes).flags
        values = {
            "energy": np.asarray(trace.energy(group.name), float),
            "entropy": np.asarray(trace.lens_entropy(group.name), float),
        }
        times = np.asarray(trace.lens_steps, float) / 2.0
        told: dict[str, Estimate] = {}
        curves: dict[str, Values] = {}
        for name, each in values.items():
            chosen = each[:, kept[: each.shape[1]]]
            curves[name], curves[f"{name}_with_sinks"] = chosen.mean(axis=1), each.mean(axis=1)
            told |= _of_quantity(name, chosen, each, times)
        if not all(np.isfinite(estimate.value) for estimate in told.values()):
            notes.append("no token is left, or the lens says the same at the start and at the end: it has no half-way")
        return LensResult(group=group.name, estimates=told, notes=tuple(notes), times=times, **curves)


def _of_quantity(name: str, chosen: Values, each: Values, times: Values) -> dict[str, Estimate]:
    half = half_way(times, chosen.mean(axis=1)) if chosen.size else float("nan")
    return {
        f"lens.{name}.start": mean(chosen[0], "nats"),
        f"lens.{name}.end": mean(chosen[-1], "nats"),
        f"lens.{name}.end.with_sinks": exact(float(each[-1].mean()), "nats"),
        f"lens.{name}.half": exact(half, "layers") if np.isfinite(half) else missing("layers"),
    }


def half_way(times: Values, curve: Values) -> float:
    """The first of the times (F,) from which on a curve stays beyond the middle between its start and its end; NaN
    where these are equal."""
    middle = 0.5 * (curve[0] + curve[-1])
    before = np.flatnonzero((curve - middle) * np.sign(curve[-1] - curve[0]) <= 0)
    return float(times[before[-1] + 1]) if len(before) and before[-1] + 1 < len(times) else float("nan")
