"""The cloud as a whole: the path of its centroid, and its radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing, share

_KEPT = 3.0
"""Mean radii of the start, within which a row still belongs to its cloud."""


@dataclass(frozen=True, kw_only=True)
class CloudResult(Result):
    """Centroid and radius over time.

    Attributes:
        steps: (T,).
        centroid: (T, D) mean position of the rows [length].
        centroid_norm: (T,) its distance from the origin.
        radius: (T,) mean distance of the rows from their centroid [length].
        radius_error: (T,) its standard error over rows; NaN for one row.

    Keys: `centroid.norm` (at the end), `centroid.path` (sum of |c_{t+1} - c_t|: a lower bound where frames are several
    steps apart), `centroid.straightness` (|c_T - c_0| / path), `radius.start`, `radius.end`, `radius.ratio` (end/start,
    with the error of the same rows at both ends), `radius.kept` (share of the rows that are at the end
    no farther from their median place than three times `radius.start`: those that a cloud did not lose). Where a path
    is straight to within its noise, straightness is stationary in the rows, and its jackknife error is too large.
    """

    steps: NDArray[np.int64]
    centroid: Values
    centroid_norm: Values
    radius: Values
    radius_error: Values

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {
            "centroid_norm": (self.centroid_norm, "length"),
            "radius": (self.radius, "length"),
            "radius_error": (self.radius_error, "length"),
        }

    def draw(self, ax: Axes | None = None) -> Axes:
        """The radius over time, with one standard error."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import Role

        low, high = self.radius - self.radius_error, self.radius + self.radius_error
        lines = [Curve(self.steps, self.radius, Role.REAL, "mean radius, ± one standard error", low, high)]
        return curves(lines, f"{self.group}: radius of the cloud", "radius [length]", ax=ax)


@register
class Cloud(Diagnostic[CloudResult]):
    """Centroid path, straightness and radius of a group."""

    telling: ClassVar[tuple[str, ...] | None] = ("radius.end", "radius.start")

    kind: Literal["cloud"] = "cloud"

    def measure(self, group: Group, notes: list[str]) -> CloudResult:
        """The results for one group."""
        centroid = np.full((len(group.steps), group.dimensions), np.nan)
        radius, radius_error = np.full((2, len(group.steps)), np.nan)
        if group.count:  # a single row has radius 0 in the curve, and none in the estimates
            for frames, x in group.blocks():
                centroid[frames] = x.mean(axis=1)
                distance = np.linalg.norm(x - centroid[frames, None], axis=2)
                radius[frames] = distance.mean(axis=1)
                if group.count > 1:
                    radius_error[frames] = distance.std(axis=1, ddof=1) / np.sqrt(group.count)
        else:
            notes.append("no row has a position throughout: centroid and radius are undefined")
        return CloudResult(
            group=group.name,
            estimates=_path_estimates(group, centroid, notes) | _radius_estimates(group, notes),
            notes=tuple(notes),
            steps=group.steps,
            centroid=centroid,
            centroid_norm=np.linalg.norm(centroid, axis=1),
            radius=radius,
            radius_error=radius_error,
        )


def centroids_without(x: Values) -> Values:
    """Centroids (t, N, D) of the rows (t, N, D) with each row left out in turn; N >= 2."""
    count = x.shape[1]
    without: Values = (count * x.mean(axis=1, keepdims=True) - x) / (count - 1)
    return without


def path_without(group: Group) -> Values:
    """Length (N,) of the centroid path with each row left out in turn; N >= 2 [length]."""
    path = np.zeros(group.count)
    for _, x in group.blocks(overlap=1):
        path += np.linalg.norm(np.diff(centroids_without(x), axis=0), axis=2).sum(axis=0)
    return path


def _path_estimates(group: Group, centroid: Values, notes: list[str]) -> dict[str, Estimate]:
    """Norm, path and straightness; undefined values are added to `notes`."""
    estimates = {"centroid.norm": missing("length")}
    estimates |= {"centroid.path": missing("length"), "centroid.straightness": missing("1")}
    if not group.count:
        return estimates
    several = group.count > 1
    ends = np.empty((2, 0, group.dimensions))
    if several:
        ends = centroids_without(group.places(np.array([0, -1])))
    norm = np.linalg.norm(centroid[-1])
    estimates["centroid.norm"] = jackknife(norm, np.linalg.norm(ends[-1], axis=1), "length")
    if len(group.steps) < 2:
        notes.append("only one frame: the centroid has no path")
        return estimates
    path = np.linalg.norm(np.diff(centroid, axis=0), axis=1).sum()
    without = path_without(group) if several else np.empty(0)
    estimates["centroid.path"] = jackknife(path, without, "length")
    if path == 0 or not np.all(without > 0):
        notes.append("the centroid never moves: its straightness is undefined")
        return estimates
    net = np.linalg.norm(centroid[-1] - centroid[0])
    net_without = np.linalg.norm(ends[1] - ends[0], axis=1)
    estimates["centroid.straightness"] = jackknife(net / path, net_without / without, "1")
    return estimates


def _radius_estimates(group: Group, notes: list[str]) -> dict[str, Estimate]:
    """Radius in the first and in the last frame; a note is added if there is none."""
    if group.count == 1:
        notes.append("one row is its own centroid: the radius is undefined")
    if group.count < 2:
        found = {"radius.start": missing("length"), "radius.end": missing("length")}
        return found | {"radius.ratio": missing("1"), "radius.kept": missing("1")}
    start, end = (_distances(group.frame(frame)) for frame in (0, -1))
    return {
        "radius.start": mean(start, "length"),
        "radius.end": mean(end, "length"),
        "radius.ratio": _ratio(start, end),
        "radius.kept": _kept(group.frame(-1), _KEPT * float(start.mean())),
    }


def _ratio(start: Values, end: Values) -> Estimate:
    """Of the mean distances (N,) of the same rows; undefined if one row or none is away from the centroid."""
    without = start.sum() - start
    if not np.all(without > 0.0):
        return missing("1")
    return jackknife(end.sum() / start.sum(), (end.sum() - end) / without, "1")


def _kept(x: Values, reach: float) -> Estimate:
    """Share of the rows (N, D) within a reach of their median place, coordinate by coordinate, which a few that are far
    away do not move."""
    return share(np.linalg.norm(x - np.median(x, axis=0), axis=1) <= reach)


def radius_estimate(x: Values) -> Estimate:
    """Mean distance of the rows (N, D) from their centroid, with the rows' own distances as pseudo-values.

    That all rows share one centroid couples them at order 1/N only.
    """
    return mean(_distances(x), "length")


def _distances(x: Values) -> Values:
    """(N,) of the rows (N, D) from their centroid."""
    found: Values = np.linalg.norm(x - x.mean(axis=0), axis=1)
    return found
