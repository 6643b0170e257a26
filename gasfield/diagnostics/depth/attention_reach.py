"""Reach of attention: how far back, and on how many tokens, each head looks.

Of the weights a_ij of query i on key j: the mean distance sum_j a_ij (i - j), the entropy -sum_j a_ij ln a_ij, and the
weight on attention sinks. Without sinks, their weight is taken away and the rest normalised. The null is equal weight
on all keys that the query sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.depth.base import FEWEST, DepthDiagnostic
from gasfield.diagnostics.depth.traced import trace_of
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, mean, missing

_KEYS = ("distance", "entropy")


@dataclass(frozen=True, kw_only=True)
class AttentionReachResult(Result):
    """Reaches of all heads.

    Attributes:
        distance: (L, H) mean distance without sinks [tokens].
        entropy: (L, H) without sinks [nats].
        sink: (L, H) weight on sinks.

    Keys, means over heads, layers and queries: `attention_reach.distance` and `.entropy`, each with `.with_sinks` and
    `.null`; `attention_reach.sink`. Errors are those of means over queries.
    """

    distance: Values
    entropy: Values
    sink: Values

    def arrays(self) -> dict[str, tuple[NDArray[Any], str]]:
        """By layer and head."""
        return {"distance": (self.distance, "tokens"), "entropy": (self.entropy, "nats"), "sink": (self.sink, "1")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """Mean distance and weight on sinks over depth."""
        from gasfield.plots.time_series import over_time

        layers = np.arange(1, len(self.distance) + 1, dtype=float)
        lines = {f"head {h}": (layers, self.distance[:, h]) for h in range(self.distance.shape[1])}
        return over_time(lines, f"{self.group}: reach of attention, without sinks", "distance (tokens)", ax)


@register
class AttentionReach(DepthDiagnostic[AttentionReachResult]):
    """Mean distance and entropy of attention, and its weight on sinks."""

    kind: Literal["attention_reach"] = "attention_reach"

    def objection(self, group: Group) -> str | None:
        """Needs the attention weights of a trace."""
        if not trace_of(group).has_weights:
            return "the trace was made without attention weights"
        return super().objection(group)

    def measure(self, group: Group, notes: list[str]) -> AttentionReachResult:
        """The results for one group."""
        trace, sinks = trace_of(group), self.of(group, notes).flags
        found = []
        for layer in range(1, trace.layers + 1):
            weights = trace.weights(group.name, layer)
            assert weights is not None
            found.append(Reach.of(np.asarray(weights, float), sinks))
        told = {f"attention_reach.{key}{end}": missing("1") for key in _KEYS for end in ("", ".with_sinks", ".null")}
        told["attention_reach.sink"] = missing("1")
        queries = Reach.queries(sinks)
        if len(queries) < FEWEST:
            notes.append("too few tokens see another one that is no sink: reach is undefined")
        else:
            told |= _estimates(found, sinks)
        return AttentionReachResult(
            group=group.name,
            estimates=told,
            notes=tuple(notes),
            distance=np.array([one.distance.mean(axis=1) for one in found]),
            entropy=np.array([one.entropy.mean(axis=1) for one in found]),
            sink=np.array([one.sink.mean(axis=1) for one in found]),
        )


@dataclass(frozen=True)
class Reach:
    """Of one layer, by head and query: distance and entropy (H, Q) without sinks and with them, weight on sinks."""

    distance: Values
    entropy: Values
    with_sinks: tuple[Values, Values]
    sink: Values

    @staticmethod
    def queries(sinks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Tokens that are no sink and see at least one other that is none."""
        others = np.cumsum(~sinks)
        return np.flatnonzero(~sinks & (others > 1))

    @classmethod
    def of(cls, weights: Values, sinks: NDArray[np.bool_]) -> Reach:
        """Of weights (H, S, S)."""
        rows = cls.queries(sinks)
        seen = weights[:, rows]
        rest = np.where(sinks, 0.0, seen)
        total = rest.sum(axis=2, keepdims=True)
        rest = np.divide(rest, total, out=np.zeros_like(rest), where=total > 0)
        sink = seen[:, :, sinks].sum(axis=2)
        return cls(_distance(rest, rows), _entropy(rest), (_distance(seen, rows), _entropy(seen)), sink)

    @classmethod
    def null(cls, sinks: NDArray[np.bool_]) -> Reach:
        """Of equal weights."""
        count = len(sinks)
        return cls.of(np.tril(np.ones((1, count, count))) / np.arange(1, count + 1)[:, None], sinks)


def _distance(weights: Values, rows: NDArray[np.int64]) -> Values:
    apart: Values = np.einsum("hqk,qk->hq", weights, rows[:, None] - np.arange(weights.shape[2])[None, :])
    return apart


def _entropy(weights: Values) -> Values:
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    found: Values = -np.sum(weights * logs, axis=2)
    return found


def _estimates(found: list[Reach], sinks: NDArray[np.bool_]) -> dict[str, Estimate]:
    """Means over layers and heads as values of the queries."""
    null = Reach.null(sinks)
    own = {key: np.mean([getattr(one, key) for one in found], axis=(0, 1)) for key in (*_KEYS, "sink")}
    told = {}
    for place, (key, unit) in enumerate(zip(_KEYS, ("tokens", "nats"), strict=True)):
        told[f"attention_reach.{key}"] = mean(own[key], unit)
        told[f"attention_reach.{key}.with_sinks"] = mean(
            np.mean([one.with_sinks[place] for one in found], axis=(0, 1)), unit
        )
        told[f"attention_reach.{key}.null"] = mean(getattr(null, key)[0], unit)
    told["attention_reach.sink"] = mean(own["sink"], "1")
    return told
