"""Clusters: how many groups of near particles there are, and how long they last.

Two particles belong together if a chain of others leads from one to the other in steps no longer than a reach (single
linkage; the connected components of a graph). Attention gathers tokens into clusters that last long before they merge:
a plateau of the number of clusters, above one, is what is called metastable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse.csgraph import connected_components

from gasfield.diagnostics.base import Axes, Diagnostic, GroupedResult, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import exact, missing

_REACH = 0.1
"""Default reach in parts of the root mean square distance of two particles at the start."""
_FRAMES = 200
"""Frames that are used."""
_MOST = 5000
"""Particles that are used."""


@dataclass(frozen=True, kw_only=True)
class ClustersResult(GroupedResult):
    """Numbers of clusters over time.

    Attributes:
        times: (T,) of the frames that were looked at.
        counts: (T,) clusters in each.
        largest: (T,) share of the particles in the largest one.
        reach: how near counts as near [length].

    Keys: `clusters.reach`, `.start` and `.end` (numbers of clusters), `.largest` (share in the largest one at the end);
    the longest time with one number of clusters above one, no more than half of the particles, before the end:
    `clusters.plateau.count` and `.duration`.
    """

    times: Values
    counts: NDArray[np.int64]
    largest: Values
    reach: float

    @classmethod
    def plot_grouped(cls, results: Sequence[ClustersResult], ax: Axes | None = None) -> Axes:
        """The number of clusters over time, on logarithmic axes."""
        from gasfield.plots.time_series import cluster_counts

        lines = {result.group: (result.times, result.counts) for result in results}
        return cluster_counts(lines, "Clusters", ax)


@register
class Clusters(Diagnostic[ClustersResult]):
    """Connected components of near particles, frame by frame."""

    needs_run: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("clusters.end", "clusters.start", "clusters.largest")

    kind: Literal["clusters"] = "clusters"
    reach: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)
    """How near counts as near [length]; a tenth of the root mean square distance of two particles at the start if left
    out."""

    def objection(self, group: Group) -> str | None:
        """Needs two particles that interact in a space that is not periodic."""
        if not group.forces.interacting:
            return "its particles do not interact"
        if group.repeats:
            return "the space is periodic: use radial_distribution instead"
        return "a single particle is not a cluster" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> ClustersResult:
        """The results for one group."""
        frames = _chosen(len(group.steps))
        if len(frames) < len(group.steps):
            notes.append(f"{len(frames)} of {len(group.steps)} frames are used")
        rows = np.arange(0, group.count, -(-group.count // _MOST))
        if len(rows) < group.count:
            notes.append(f"{len(rows)} of {group.count} particles are used")
        reach = self.reach or usual_reach(group.frame(0)[rows])
        sizes = [cluster_sizes(group.frame(frame)[rows], reach) for frame in frames]
        counts = np.array([len(s) for s in sizes])
        largest = np.array([s[0] / s.sum() for s in sizes])
        times = group.times[frames]
        count, duration = plateau(times, counts, most=len(rows) // 2)
        if not duration:
            notes.append("no number of clusters between one and half of the particles lasts from one frame to the next")
        return ClustersResult(
            group=group.name,
            estimates={
                "clusters.reach": exact(reach, "length"),
                "clusters.start": exact(counts[0], "1"),
                "clusters.end": exact(counts[-1], "1"),
                "clusters.largest": exact(largest[-1], "1"),
                "clusters.plateau.count": exact(count, "1") if duration else missing("1"),
                "clusters.plateau.duration": exact(duration, "time") if duration else missing("time"),
            },
            notes=tuple(notes),
            times=times,
            counts=counts,
            largest=largest,
            reach=reach,
        )


def usual_reach(places: Values) -> float:
    """A tenth of the root mean square distance of two of the places (N, D)."""
    return _REACH * float(np.sqrt(2.0 * np.sum(np.var(places, axis=0))))


def cluster_sizes(places: Values, reach: float) -> NDArray[np.int64]:
    """Sizes, descending, of the components of places (N, D) in which steps of at most `reach` lead everywhere."""
    pairs = scipy.spatial.cKDTree(places).query_pairs(reach, output_type="ndarray")
    graph = scipy.sparse.coo_array(
        (np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places))
    )
    _, labels = connected_components(graph, directed=False)
    return np.sort(np.bincount(labels))[::-1]


def plateau(times: Values, counts: NDArray[np.int64], most: int) -> tuple[int, float]:
    """The number of clusters, above one and at most `most`, that lasts longest without a change, and how long [time].
    (0, 0.0) if none lasts from one frame to the next."""
    changes = np.flatnonzero(np.diff(counts)) + 1
    best = (0, 0.0)
    for start, stop in zip([0, *changes], [*changes, len(counts)], strict=True):
        duration = float(times[stop - 1] - times[start])
        if 1 < counts[start] <= most and duration > best[1]:
            best = (int(counts[start]), duration)
    return best


def _chosen(count: int) -> NDArray[np.int64]:
    """All frames, or some 200 of them: even in the beginning's logarithm of time, where clusters form, and in time."""
    if count <= _FRAMES:
        return np.arange(count)
    even = np.linspace(0, count - 1, _FRAMES // 2)
    early = np.geomspace(1, count - 1, _FRAMES // 2)
    return np.unique(np.round(np.concatenate([even, early])).astype(np.int64))
