"""A group before and after, in a plane: its rows at the start and at the end, and their spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, jackknife, missing
from gasfield.trajectory.projection import moderate

_FRAMES = 200
_SEEN, _ROWS = 24, 256
"""Frames and rows that the axes are found from."""
_VECTORS = 512
"""Largest number of vectors that axes are found from."""
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, kw_only=True)
class PlaneResult(Result):
    """Rows in a plane over time.

    Attributes:
        ways: (t, N, 2) coordinates of the rows in the plane in up to 200 frames, including the first and the last
            [length].
        labels: of the two axes.

    Keys: `plane.first.start`, `plane.first.end`, `plane.second.start`, `plane.second.end`: standard deviations of the
    rows along the two axes of the plane in the first and the last frame [length].
    """

    ways: Values
    labels: tuple[str, str]

    def draw(self, ax: Axes | None = None) -> Axes:
        """The rows at the start and at the end, and their paths; in a new figure, next to it both clouds
        separately, each scaled to its panel. Returns the first axes."""
        from gasfield.plots.rows import before_and_after

        return before_and_after(self.ways, self.labels, f"{self.group}: before and after", ax)


@register
class Plane(Diagnostic[PlaneResult]):
    """The rows of a group in the plane of their two coordinates, or in the plane of their largest spread."""

    kind: Literal["plane"] = "plane"

    def objection(self, group: Group) -> str | None:
        """Applies to groups of several rows in flat space of two dimensions or more."""
        if group.dimensions < 2:
            return "one dimension does not span a plane"
        if group.curved or group.repeats:
            return "a curved or periodic space has no plane"
        return "a single row has no spread" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> PlaneResult:
        """The results for one group."""
        labels = ("x₀ [length]", "x₁ [length]")
        ways = np.zeros((0, group.count, 2))
        if group.count > 1 and len(group.steps):
            frames = spread_over(len(group.steps), _FRAMES)
            if group.dimensions == 2:
                ways = group.places(frames)
            else:
                few, rows = frames[spread_over(len(frames), _SEEN)], spread_over(group.count, _ROWS)
                origin, axes = principal_axes(group.places(few, rows), 2)
                ways = np.stack([(group.frame(frame) - origin) @ axes.T for frame in frames])
                labels = ("first principal axis [length]", "second principal axis [length]")
        return PlaneResult(
            group=group.name,
            estimates=_estimates(ways, notes),
            notes=tuple(notes),
            ways=ways,
            labels=labels,
        )


def principal_axes(x: Values, count: int, *, centred: bool = True) -> tuple[Values, Values]:
    """The axes along which vectors (t, N, D) are largest: origin (D,), their mean or zero, and axes (count, D).

    The first axis points along the mean from the first to the last of t, or along the mean vector if not centred; the
    others have their largest component positive, so that pictures do not depend on a library's choice of sign. Of many
    vectors a sample is used, spread over all as multiples of the golden ratio are.
    """
    vectors = x.reshape(-1, x.shape[2])
    if len(vectors) > _VECTORS:
        vectors = vectors[np.unique((np.arange(_VECTORS) * _GOLDEN % 1.0 * len(vectors)).astype(np.int64))]
    origin = vectors.mean(axis=0) if centred else np.zeros(x.shape[2])
    apart = moderate(vectors)
    apart = apart - apart.mean(axis=0) if centred else apart
    if len(apart) < x.shape[2]:  # as many dimensions as these span: the small matrix of the two
        _, inner = np.linalg.eigh(apart @ apart.T)
        axes = inner[:, ::-1][:, :count].T @ apart
        lengths = np.linalg.norm(axes, axis=1, keepdims=True)
        axes = np.divide(axes, lengths, out=np.zeros_like(axes), where=lengths > 0)
    else:
        axes = np.linalg.eigh(apart.T @ apart)[1][:, ::-1].T[:count]
    way = x[-1].mean(axis=0) - x[0].mean(axis=0) if centred else vectors.mean(axis=0)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)[:, 0]
    signs = np.where(largest < 0, -1.0, 1.0)
    signs[0] = -1.0 if axes[0] @ way < 0 else 1.0
    return origin, axes * signs[:, None]


def _estimates(ways: Values, notes: list[str]) -> dict[str, Estimate]:
    """All keys; undefined values are added to `notes`."""
    keys = [f"plane.{axis}.{time}" for axis in ("first", "second") for time in ("start", "end")]
    if not ways.size:
        notes.append("fewer than two rows are present throughout: they have no spread")
        return dict.fromkeys(keys, missing("length"))
    return {key: _spread(ways[frame, :, axis]) for key, (axis, frame) in zip(keys, _PLACES, strict=True)}


_PLACES = ((0, 0), (0, -1), (1, 0), (1, -1))


def _spread(values: Values) -> Estimate:
    """The standard deviation of values (N,) with its jackknife error."""
    count = len(values)
    apart = values - values[0]  # exactly zero for equal values, and so is their mean
    apart -= apart.mean()
    square = np.sum(apart**2)
    # Leaving x_i out takes N/(N - 1) (x_i - mean)^2 from the sum of squares about the mean.
    without = np.maximum(square - count / (count - 1) * apart**2, 0.0)
    return jackknife(np.sqrt(square / count), np.sqrt(without / (count - 1)), "length")
