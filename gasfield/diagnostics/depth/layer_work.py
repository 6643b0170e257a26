"""Work of each part of a layer on each token: whose push is it that a token moves?

The work of a part (a head, the MLP, the bias of attention) on a token in a layer is <part, u>/<u, u>, u the token's
displacement over the layer. Parts sum to u, so that their works sum to 1; a part that pushes against the motion has a
negative one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.depth.base import DepthDiagnostic
from gasfield.diagnostics.depth.traced import trace_of
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, mean, missing
from gasfield.streams import Stream, generator
from gasfield.tracing import Trace

ATTENTION, MLP, BIAS = "attention", "mlp", "bias"
_WIDE = 50.0
"""Work of a part, over the displacement, beyond which a token hardly moves and its shares say little."""


@dataclass(frozen=True, kw_only=True)
class LayerWorkResult(Result):
    """Shares of the work.

    Attributes:
        parts: names of the P parts.
        shares: (L, P) means over tokens without sinks.
        with_sinks: (L, P).
        null: (L, P) of displacements permuted across tokens; NaN where the writes of parts were not kept.

    Keys, means over layers and tokens: `layer_work.attention` (all heads), `.mlp` and `.bias`, each with `.with_sinks`
    and, where the writes were kept, `.null` (the work of a token's parts on another token's displacement);
    `layer_work.strongest`, the mean share of the head with the largest work in its layer; `layer_work.against`, the
    share of heads with negative mean work; `layer_work.sum_error`, the largest difference of a sum of shares from 1.
    Errors are those of means over tokens.
    """

    parts: tuple[str, ...]
    shares: Values
    with_sinks: Values
    null: Values

    def arrays(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Shares by layer and part."""
        return {"shares": (self.shares, "1"), "shares_with_sinks": (self.with_sinks, "1"), "null": (self.null, "1")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The shares of attention and MLP over depth."""
        from gasfield.plots.time_series import over_time

        layers = np.arange(1, len(self.shares) + 1, dtype=float)
        lines = {name: (layers, summed(self.shares, self.parts, name)) for name in (ATTENTION, MLP)}
        return over_time(lines, f"{self.group}: work on the tokens, without sinks", "share of the work", ax)


@register
class LayerWork(DepthDiagnostic[LayerWorkResult]):
    """Shares of the work of heads and MLPs on tokens."""

    kind: Literal["layer_work"] = "layer_work"

    def objection(self, group: Group) -> str | None:
        """Needs the parts of a trace."""
        trace_of(group)
        return super().objection(group)

    def measure(self, group: Group, notes: list[str]) -> LayerWorkResult:
        """The results for one group."""
        trace, kept = trace_of(group), ~self.of(group, notes).flags
        works = np.array([trace.work(group.name, layer) for layer in range(1, trace.layers + 1)], float)
        sums = works.sum(axis=1)
        still = ~np.isfinite(sums).all(axis=0) | (np.abs(works).max(axis=(0, 1)) > _WIDE)
        if still.any():
            notes.append(f"{still.sum()} tokens hardly move in some layer and are left out: their shares are undefined")
        kept &= ~still
        null = _null(trace, group, kept)
        if null is None:
            notes.append("the writes of the parts were not kept: works have no null")
        shares, everyone = works[:, :, kept].mean(axis=2), works[:, :, ~still].mean(axis=2)
        told = _estimates(trace.parts, works, kept, everyone, null)
        with np.errstate(invalid="ignore"):
            told["layer_work.sum_error"] = exact(float(np.nanmax(np.abs(sums - 1.0))), "1")
        if not kept.any():
            notes.append("no token is left: shares are undefined")
        return LayerWorkResult(
            group=group.name,
            estimates=told,
            notes=tuple(notes),
            parts=trace.parts,
            shares=shares,
            with_sinks=everyone,
            null=null if null is not None else np.full(shares.shape, np.nan),
        )


def summed(shares: Values, parts: tuple[str, ...], name: str) -> Values:
    """(...,) the shares (..., P) of all heads together, or of the MLP, or of the bias."""
    members = [part.startswith("head_") if name == ATTENTION else part == name for part in parts]
    total: Values = shares[..., members].sum(axis=-1)
    return total


def _estimates(
    parts: tuple[str, ...], works: Values, kept: NDArray[np.bool_], everyone: Values, null: Values | None
) -> dict[str, Estimate]:
    told: dict[str, Estimate] = {}
    by_token = works[:, :, kept].mean(axis=0).T  # (S', P)
    for name in (ATTENTION, MLP, BIAS):
        own = summed(by_token, parts, name)
        told[f"layer_work.{name}"] = mean(own, "1")
        told[f"layer_work.{name}.with_sinks"] = mean(summed(everyone, parts, name), "1") if kept.any() else missing("1")
        if null is not None:
            told[f"layer_work.{name}.null"] = mean(summed(null, parts, name), "1")
    heads = works[:, [part.startswith("head_") for part in parts]][:, :, kept]
    layers = heads.mean(axis=2)  # (L, H)
    strongest = heads[np.arange(len(layers)), layers.argmax(axis=1)] if layers.size else np.empty((0, 0))
    told["layer_work.strongest"] = mean(strongest.mean(axis=0), "1") if strongest.size else missing("1")
    told["layer_work.against"] = exact(float(np.mean(layers < 0.0)), "1") if layers.size else missing("1")
    return told


def _null(trace: Trace, group: Group, kept: NDArray[np.bool_]) -> Values | None:
    """(L, P) mean shares of each token's parts on the displacement of another token in the same layer."""
    if not trace.has_parts or kept.sum() < 2:
        return None
    deal = generator(0, Stream.PERMUTATIONS, 5).permutation(int(kept.sum()))
    rows = []
    for layer in range(1, trace.layers + 1):
        heads, mlp = trace.attention(group.name, layer), trace.mlp(group.name, layer)
        if heads is None or mlp is None:
            return None
        bias = trace.attention_bias(group.name, layer)
        parts = [*heads[:, kept], mlp[kept], *([np.broadcast_to(bias, mlp[kept].shape)] if bias is not None else [])]
        moved = np.sum(np.array(parts, float), axis=0)[deal]
        squares = np.sum(moved**2, axis=1)
        rows.append([float(np.mean(np.sum(part * moved, axis=1) / squares)) for part in parts])
    return np.array(rows)
