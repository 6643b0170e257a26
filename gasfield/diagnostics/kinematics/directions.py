"""Directions on a sphere: of the displacements of rows, or of their positions about the centroid.

A direction is a unit vector in D dimensions. The figure shows its three components along the principal axes of all
vectors, normalised again; the numbers use all D dimensions. How much the directions of N rows agree is the
length of their mean, the mean resultant length (Mardia and Jupp, 2000, section 9.2): 1 if all are the same, about
1/sqrt(N) if they are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.plane import principal_axes
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing

_TIMES, _ROWS = 48, 128
"""Most frames and rows in the figure, evenly spaced over all."""


@dataclass(frozen=True, kw_only=True)
class DirectionsResult(Result):
    """Directions at some times.

    Attributes:
        longitudes, latitudes: (M,) of each direction [radians]; longitude 0 is the first axis.
        steps: (M,) step that each belongs to.

    Keys: `directions.start` and `directions.end`, the mean resultant length of the directions of all rows that have
    one, at the first and the last of the times; `directions.chance`, its root mean square for as many rows of uniformly
    random direction as there are at the end; `directions.seen`, the share of the squared lengths along the three axes
    of the figure.
    """

    longitudes: Values
    latitudes: Values
    steps: NDArray[np.int64]

    def draw(self, ax: Axes | None = None) -> Axes:
        """The directions in Mollweide's projection, coloured by time; `ax` must have been made with that projection."""
        from gasfield.plots.rows import directions_map

        return directions_map(self.longitudes, self.latitudes, self.steps, f"{self.group}: directions of the rows", ax)


@register
class Directions(Diagnostic[DirectionsResult]):
    """Directions of the rows of a group."""

    needs_motion: ClassVar[bool] = True

    kind: Literal["directions"] = "directions"
    of: Literal["displacements", "places"] = "displacements"
    """The displacements of rows from one frame to the next, or their positions about the centroid."""

    def objection(self, group: Group) -> str | None:
        """Needs three dimensions of flat space, two rows and two frames."""
        if group.dimensions < 3:
            return "directions on a sphere need three dimensions"
        if group.curved or group.repeats:
            return "in a curved or periodic space directions cannot be compared globally"
        return "a single row has no directions to compare" if group.count < 2 else None

    def measure(self, group: Group, notes: list[str]) -> DirectionsResult:
        """The results for one group."""
        frames = spread_over(len(group.steps) if group.count else 0, _TIMES, int(self.of == "displacements"))
        rows = spread_over(group.count, _ROWS)
        shown = np.array([self._vectors(group, frame)[rows] for frame in frames])
        longitudes = latitudes = np.empty(0)
        when, seen = np.empty(0, np.int64), np.nan
        if np.any(shown):
            _, axes = principal_axes(shown, 3, centred=False)
            parts = shown @ axes.T
            seen = float(np.sum(parts**2) / np.sum(shown**2))
            here = np.any(parts, axis=2)
            longitudes = np.arctan2(parts[here][:, 1], parts[here][:, 0])
            latitudes = np.arctan2(parts[here][:, 2], np.hypot(parts[here][:, 0], parts[here][:, 1]))
            when = np.broadcast_to(group.steps[frames][:, None], here.shape)[here]
        ends = [self._vectors(group, frame) for frame in frames[[0, -1]]] if len(frames) else []
        return DirectionsResult(
            group=group.name,
            estimates=_estimates(ends, seen, notes),
            notes=tuple(notes),
            longitudes=longitudes,
            latitudes=latitudes,
            steps=when,
        )

    def _vectors(self, group: Group, frame: int) -> Values:
        """(N, D) in one frame."""
        x = group.frame(frame)
        origin: Values = group.frame(frame - 1) if self.of == "displacements" else x.mean(axis=0)
        apart: Values = x - origin
        return apart


def resultant(vectors: Values) -> Estimate | None:
    """The mean resultant length of vectors (N, D), without those of zero length; None if all are."""
    lengths = np.linalg.norm(vectors, axis=1)
    units = vectors[lengths > 0] / lengths[lengths > 0, None]
    if not len(units):
        return None
    total = units.sum(axis=0)
    without = np.linalg.norm(total - units, axis=1) / (len(units) - 1) if len(units) > 1 else np.empty(0)
    return jackknife(np.linalg.norm(total) / len(units), without, "1")


def _estimates(ends: Sequence[Values], seen: float, notes: list[str]) -> dict[str, Estimate]:
    """All keys, from the vectors (N, D) in the first and the last frame; undefined values are added to `notes`."""
    estimates = dict.fromkeys(
        ("directions.start", "directions.end", "directions.chance", "directions.seen"), missing("1")
    )
    for key, frame in (("directions.start", 0), ("directions.end", -1)):
        found = resultant(ends[frame]) if ends else None
        if found is None:
            notes.append(f"{key}: no row has a direction at that time")
        else:
            estimates[key] = found
    count = int(np.any(ends[-1], axis=1).sum()) if ends else 0
    if count:
        estimates["directions.chance"] = exact(1.0 / np.sqrt(count), "1")
    if np.isfinite(seen):
        estimates["directions.seen"] = exact(seen, "1")
    return estimates
