"""Kinds of motion of the cloud of tokens from one sub-layer to the next.

Each displacement is split about the frame before it (`motion_decomposition`) into translation, rotation, dilation,
shear, breathing, convection and residual. A text has fewer tokens than the stream has dimensions, so that a linear map
of all dimensions would fit anything: the map acts on the k = (N - 1)/10 longest axes of the frame before, and what the
rows do along the others is in the remainder (its translation excepted). Permuted displacements say what a map of so
many axes fits to noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Result, Values
from gasfield.diagnostics.depth.base import DepthDiagnostic
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.deformation import intrinsic_frame
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, jackknife, missing
from gasfield.statistics.motion_decomposition import KINDS, Moments, Reference
from gasfield.statistics.smoothing import Neighbours
from gasfield.streams import Stream, generator

_ROWS_PER_AXIS = 10
_PARTS = 8
"""Parts of the jackknife over tokens, to which they are assigned in turn."""
_FEWEST = 3 * _ROWS_PER_AXIS
"""Fewest tokens, for a map of two axes."""
_BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class LayerMotionResult(Result):
    """Shares of the kinds of motion in every interval.

    Attributes:
        steps: (I,) the frame at the end of each interval.
        shares: (I, 7) in the order of `KINDS`, without sinks.
        with_sinks: (I, 7).
        null: (I, 7) of displacements that were permuted across tokens.
        axes: k of the linear map.

    Keys, for KIND in `KINDS`: `layer_motion.KIND`, the mean over all intervals, each with the same weight; `.null` and
    `.with_sinks`; and over the intervals of attention and of the MLP, where they are apart,
    `layer_motion.attention.KIND` and `layer_motion.mlp.KIND`. `layer_motion.axes` is k. Shares of an interval sum to 1.
    Errors are jackknife errors over tokens.
    """

    steps: NDArray[np.int64]
    shares: Values
    with_sinks: Values
    null: Values
    axes: int

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {kind: (values, "1") for kind, values in zip(KINDS, self.shares.T, strict=True)}

    def arrays(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Shares by interval."""
        return {"shares": (self.shares, "1"), "shares_with_sinks": (self.with_sinks, "1"), "null": (self.null, "1")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The shares over depth, of all motion and of the thermal motion."""
        from gasfield.plots.kinds import kinds_over_time

        with np.errstate(invalid="ignore", divide="ignore"):
            thermal = self.shares[:, 1:] / (1.0 - self.shares[:, :1])
        title = f"{self.group}: kinds of motion in each sub-layer (linear map of {self.axes} axes, without sinks)"
        return kinds_over_time(self.steps, self.shares.T, thermal.T, KINDS, title, ax)


@register
class LayerMotion(DepthDiagnostic[LayerMotionResult]):
    """The decomposition of what each sub-layer does to the cloud of tokens."""

    telling: ClassVar[tuple[str, ...] | None] = (
        "layer_motion.translation",
        "layer_motion.rotation",
        "layer_motion.dilation",
        "layer_motion.shear",
        "layer_motion.residual",
    )

    kind: Literal["layer_motion"] = "layer_motion"
    axes: int | None = Field(default=None, ge=1)
    """k of the linear map; a tenth of the number of tokens if left out."""

    def objection(self, group: Group) -> str | None:
        """Needs thirty tokens."""
        reason = super().objection(group)
        few = f"{group.count} tokens: too few for a linear map of two axes"
        return reason or (few if group.count < _FEWEST else None)

    def measure(self, group: Group, notes: list[str]) -> LayerMotionResult:
        """The results for one group."""
        kept = ~self.of(group, notes).flags
        most = min(int(kept.sum() - 1) // 2, group.dimensions)
        axes = min(self.axes or max(1, int(kept.sum() - 1) // _ROWS_PER_AXIS), max(most, 1))
        if kept.sum() <= 2 * group.dimensions:
            notes.append(
                f"{kept.sum()} tokens in {group.dimensions} dimensions are too few for a linear map of all: it acts on "
                f"the {axes} longest axes of the frame before"
            )
        chance = generator(0, Stream.PERMUTATIONS, 4)
        found = [
            _Interval.of(group.frame(f - 1), group.frame(f), kept, axes, chance) for f in range(1, len(group.steps))
        ]
        result = [np.array([getattr(one, name) for one in found]) for name in ("shares", "without", "sinks", "null")]
        shares, without, sinks, null = result
        return LayerMotionResult(
            group=group.name,
            estimates=_estimates(group.steps, axes, shares, without, sinks, null, notes),
            notes=tuple(notes),
            steps=group.steps[1:],
            shares=shares,
            with_sinks=sinks,
            null=null,
            axes=axes,
        )


@dataclass(frozen=True)
class _Interval:
    """Shares (7,) without sinks, (B, 7) without each part of the jackknife too, (7,) with sinks, and (7,) permuted."""

    shares: Values
    without: Values
    sinks: Values
    null: Values

    @classmethod
    def of(
        cls, before: Values, after: Values, kept: NDArray[np.bool_], axes: int, chance: np.random.Generator
    ) -> _Interval:
        moved, start = after[kept] - before[kept], before[kept]
        reference = Reference.of(start, intrinsic_frame(start, axes))
        near, part = Neighbours.of(reference.places), np.arange(len(start)) % _PARTS
        rests = [(reference.rows(part != b), moved[part != b], near.rows(part != b)) for b in range(_PARTS)]
        return cls(
            shares=_shares(reference, moved, near),
            without=np.array([_shares(*rest) for rest in rests]),
            sinks=shares_of(before, after - before, axes),
            null=_shares(reference, moved[chance.permutation(len(moved))], near),
        )


def shares_of(start: Values, moved: Values, axes: int) -> Values:
    """Shares (7,) of displacements (N, D) of rows at (N, D), by a map of the longest axes; NaN where nothing moves."""
    reference = Reference.of(start, intrinsic_frame(start, axes))
    return _shares(reference, moved, Neighbours.of(reference.places))


def _shares(reference: Reference, moved: Values, near: Neighbours) -> Values:
    return Moments.of(reference, moved, near).shares()[0]


def _estimates(
    steps: NDArray[np.int64], axes: int, shares: Values, without: Values, sinks: Values, null: Values, notes: list[str]
) -> dict[str, Estimate]:
    told = {f"layer_motion.{kind}{end}": missing("1") for kind in KINDS for end in ("", ".null", ".with_sinks")}
    told["layer_motion.axes"] = Estimate(np.array(float(axes)), "1")
    chosen = {_BOTH: np.ones(len(shares), np.bool_)}
    if np.all(np.diff(steps) == 1):
        chosen |= {"attention": steps[1:] % 2 == 1, "mlp": steps[1:] % 2 == 0}
    known = np.asarray(np.isfinite(shares).all(axis=1))
    if not known.all():
        notes.append(f"kinds of motion are undefined in {int(np.sum(~known))} of {len(known)} intervals")
    for name, which in chosen.items():
        used = which & known
        prefix = "layer_motion" if name == _BOTH else f"layer_motion.{name}"
        for place, kind in enumerate(KINDS):
            if not used.any():
                told[f"{prefix}.{kind}"] = missing("1")
                continue
            own = jackknife(shares[used, place].mean(), without[used, :, place].mean(axis=0), "1")
            told[f"{prefix}.{kind}"] = own
            if name == _BOTH:
                told[f"{prefix}.{kind}.null"] = _mean(null[used, place])
                told[f"{prefix}.{kind}.with_sinks"] = _mean(sinks[used, place])
    return told


def _mean(values: Values) -> Estimate:
    """The mean over intervals, with its error over them."""
    values = values[np.isfinite(values)]
    return Estimate(np.array(values.mean()), "1", values) if len(values) else missing("1")
