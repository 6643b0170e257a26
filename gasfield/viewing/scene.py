"""From a trajectory to what a page draws: cells of projected places, colourings, bonds and observables.

The trajectory is read in blocks of rows. In memory remain, for F frames of n rows in K axes, 2 F n K bytes and F n for
each colouring that changes over time; while they are made, four times as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.memory import require_memory
from gasfield.trajectory import Trajectory
from gasfield.viewing.bonds import Bonds
from gasfield.viewing.channels import Channel, classes, frozen_since, numbers, token_classes
from gasfield.viewing.choice import Choice
from gasfield.viewing.embedded import drawn
from gasfield.viewing.motion import Motion
from gasfield.viewing.outline import Outline
from gasfield.viewing.packing import Grid
from gasfield.viewing.projection import Drawn

_MANY = 1 << 22
"""Rows times frames up to which cells are as fine as 16 bits allow, not 14, which pack into three quarters of the size,
and up to which distances, norms and what a file has of each row are colourings too."""
_MOST_CHANNELS = 16
_FAR = "distance from start to end"


@dataclass(frozen=True)
class Scene:
    """A trajectory as it is drawn; F frames, n rows, K axes.

    Attributes:
        trajectory: it, open.
        group: its rows and frames that are shown.
        projection: from D dimensions to K.
        box: (2, K) its lowest and highest corner, with the outline.
        grid: of the cells.
        cells: (F, K, n).
        channels: colourings.
        bonds: of structures; None if there are none.
        outline: of the space, where its own coordinates are drawn; None for others.
        notes: what is not shown, and why.
    """

    trajectory: Trajectory
    group: Group
    projection: Drawn
    box: NDArray[np.float64]
    grid: Grid
    cells: NDArray[np.uint16]
    channels: tuple[Channel, ...]
    bonds: Bonds | None
    outline: Outline | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, trajectory: Trajectory, choice: Choice, projection: Drawn | None = None) -> Self:
        """The scene of a trajectory; the projection is that of the choice if none is given.

        Raises:
            InputError: if something of the choice is not there, or there is not enough memory.
        """
        group = choice.group_of(trajectory)
        frames, count = len(group.steps), group.count
        require_memory(48 * frames * count, f"{trajectory.path}: a view of {count:,} rows in {frames:,} frames", "rows")
        projection = projection or drawn(group, choice.projection)
        outline = Outline.of(trajectory) if projection.native else None
        motion = Motion.of(group, projection, outline, distances=frames * count <= _MANY)
        low, high = _bounds(motion.places, outline)
        grid = Grid.around(low, high, bits=16 if frames * count <= _MANY else 14)
        return cls(
            trajectory=trajectory,
            group=group,
            projection=projection,
            box=np.stack([low, high]),
            grid=grid,
            cells=np.stack([grid.cells(places.T).T for places in motion.places]),
            channels=tuple(_channels(trajectory, group, motion)[:_MOST_CHANNELS]),
            bonds=Bonds.of(group, trajectory.bonds),
            outline=outline,
            notes=(*projection.notes, *_notes(group, motion)),
        )

    @property
    def periods(self) -> NDArray[np.float64]:
        """(K,) after which the coordinates that are drawn repeat; 0 where they do not."""
        periods = np.zeros(len(self.grid.low))
        if self.outline is not None:  # of the coordinates of the space itself, of which there may be one
            periods[: len(self.outline.periods)] = self.outline.periods
        return periods

    @property
    def count(self) -> int:
        """Number of rows n."""
        return self.group.count

    def __len__(self) -> int:
        return len(self.cells)


def _bounds(places: NDArray[np.float32], outline: Outline | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner (K,) of all places and of the outline; of a point at the origin if there are none."""
    axes = places.shape[1]
    low, high = np.full(axes, np.inf), np.full(axes, -np.inf)
    for frame in places:
        low = np.fmin(low, np.min(np.where(np.isnan(frame), np.inf, frame), axis=1))
        high = np.fmax(high, np.max(np.where(np.isnan(frame), -np.inf, frame), axis=1))
    if outline is not None:
        corners = outline.corners
        low[: corners.shape[1]] = np.fmin(low[: corners.shape[1]], corners[0])
        high[: corners.shape[1]] = np.fmax(high[: corners.shape[1]], corners[1])
    return np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)


def _channels(trajectory: Trajectory, group: Group, motion: Motion) -> list[Channel]:
    """The first one is what a page opens with: groups, or how far rows get where all are of one group."""
    rows = group.ids
    found = [
        classes("group", trajectory.species[rows], trajectory.names),
        token_classes([trajectory.tokens[row] for row in rows]),
        numbers("step length", "length", motion.step_length),
        frozen_since(motion.last, group.steps),
    ]
    if motion.displacement is not None and motion.norm is not None:
        found += [
            numbers("distance from the start", "length", motion.displacement),
            numbers(_FAR, "length", motion.displacement[-1]),
            numbers("norm", "length", motion.norm),
            *(numbers(name, "", values) for name, values in _of_file(trajectory, group)),
        ]
    found += [numbers("mass", "mass", trajectory.masses[rows]), numbers("charge", "charge", trajectory.charges[rows])]
    known = [channel for channel in found if channel is not None]
    several = len(np.unique(trajectory.species[rows])) > 1
    return known if several else sorted(known, key=lambda channel: channel.name != _FAR)


def _of_file(trajectory: Trajectory, group: Group) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """What the file has of each row in frames, (F, n); NaN at steps at which it has nothing."""
    for name in trajectory.numbers_of_rows:
        values = trajectory.number_of_rows(name)
        _, here, there = np.intersect1d(group.steps, values.steps, return_indices=True)
        found = np.full((len(group.steps), group.count), np.nan)
        for frame, index in zip(here, there, strict=True):
            found[frame] = values[int(index)][group.ids]
        yield name, found


def _notes(group: Group, motion: Motion) -> Iterator[str]:
    yield from group.notes
    absent = np.isnan(motion.places).any(axis=1)
    due = group.appears <= group.steps[:, None]
    if broken := int((absent & due).any(axis=0).sum()):
        yield f"{broken:,} rows are not finite in some frames, and not drawn there"
    if early := int((~due).any(axis=0).sum()):
        yield f"{early:,} rows appear later than the first frame"
