"""From a trajectory to an animation: choice of frames, plane and groups."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, Note
from gasfield.plots.animation import Cast, film, film_writer
from gasfield.plots.panels import principal_plane
from gasfield.plots.style import Values
from gasfield.printable import LISTED
from gasfield.resources import check_output
from gasfield.trajectory import Trajectory


def animate(
    trajectory: Trajectory,
    output: Path,
    *,
    groups: list[str] | None = None,
    frames: int = 100,
    frames_per_second: float = 20.0,
    follow: bool = False,
    overwrite: bool = False,
) -> Path:
    """Writes an animation of a trajectory in its principal plane, or in its own plane in two dimensions.

    Args:
        trajectory: simulated or recorded.
        output: file to write, .gif or .mp4.
        groups: names of the groups to show; default: all, or the first hundred with a note.
        frames: maximum number of frames, evenly spaced.
        frames_per_second: frame rate.
        follow: whether positions are relative to the centroid of the shown groups.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: if the suffix is unsupported, no writer is available, the file exists, a group does not exist, or
            there are fewer than two frames.
        WriteError: if it cannot be written.
    """
    if output.suffix not in (".gif", ".mp4"):
        raise InputError("must end in .gif or .mp4.", parameter="output", value=output)
    check_output(output, overwrite=overwrite)
    writer = film_writer(output, frames_per_second)
    if writer is None:
        message = ".mp4 needs the program ffmpeg, which was not found; .gif works without it."
        raise InputError(message, parameter="output", value=output)
    if frames < 2:
        raise InputError("must be at least 2.", parameter="frames", value=frames)
    if len(trajectory) < 2:
        raise InputError(f"{trajectory.path}: an animation needs at least two frames; it has one.")
    if trajectory.dimensions < 2:
        raise InputError(f"{trajectory.path}: an animation needs at least two dimensions.")
    chosen = np.unique(np.linspace(0, len(trajectory) - 1, frames).astype(np.int64))
    seen = [_Seen.of(trajectory, name, chosen) for name in groups or _shown(trajectory)]
    seen = _from_centroid(seen) if follow else seen
    origin, axes = _plane(seen)
    players = [_cast(group, origin, axes) for group in seen]
    flat = trajectory.dimensions == 2
    from_where = ", relative to the centroid" if follow else ""
    labels = (
        ("x0 [length]", "x1 [length]") if flat else ("first principal axis [length]", "second principal axis [length]")
    )
    lost = np.sum([group.broken for group in seen], axis=0)
    captions = [
        f"step {trajectory.steps[frame]}" + (f": {count} particles are not finite" if count else "")
        for frame, count in zip(chosen, lost, strict=True)
    ]
    title = str(trajectory.attributes.get("title", trajectory.path.stem))
    return film(players, captions, title + from_where, labels, output, writer)


def _shown(trajectory: Trajectory) -> list[str]:
    """The groups to show, unless some are named: the first ones, where there are very many."""
    names = list(trajectory.names)
    if len(names) > LISTED:
        warnings.warn(Note(f"the animation shows the first {LISTED} of {len(names):,} groups"), stacklevel=3)
    return names[:LISTED]


@dataclass(frozen=True)
class _Seen:
    """A group in the chosen frames: positions (F, N, D), NaN before a particle appears; (F,) how many are there without
    a finite position; and bonds (B, 2)."""

    name: str
    positions: Values
    broken: NDArray[np.int64]
    bonds: NDArray[np.int64]

    @classmethod
    def of(cls, trajectory: Trajectory, name: str, frames: NDArray[np.int64]) -> _Seen:
        rows = trajectory.members(name)
        positions = np.stack([trajectory.frame(int(frame))[rows] for frame in frames]).astype(np.float64)
        number = np.full(trajectory.count, -1)
        number[rows] = np.arange(len(rows))
        there = np.stack([trajectory.present(int(frame))[rows] for frame in frames])
        broken = np.sum(there & ~np.isfinite(positions).all(axis=2), axis=1)
        return cls(name, positions, broken, number[trajectory.bonds.get(name, np.empty((0, 2), np.int64))])


def _from_centroid(groups: list[_Seen]) -> list[_Seen]:
    every = np.concatenate([group.positions for group in groups], axis=1)
    here = np.isfinite(every).all(axis=2)[:, :, None]
    centroids = np.where(here, every, 0.0).sum(axis=1) / np.maximum(here.sum(axis=1), 1)
    return [replace(group, positions=group.positions - centroids[:, None]) for group in groups]


def _plane(groups: list[_Seen]) -> tuple[Values, Values]:
    """Origin (D,) and axes (2, D) of the rows that are present in all frames in which their group is."""
    dimensions = groups[0].positions.shape[2]
    if dimensions == 2:
        return np.zeros(2), np.eye(2)
    present = [part for part in map(_present, groups) if part.size]
    if not present:
        raise InputError("no particle is present in any of the frames.")
    shortest = min(len(positions) for positions in present)
    return principal_plane(np.concatenate([positions[-shortest:] for positions in present], axis=1))


def _present(group: _Seen) -> Values:
    """(F', N', D) the frames in which any row is present, limited to rows present in all of these."""
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(group.positions).all(axis=2))
    frames = np.asarray(finite.any(axis=1))
    rows = np.asarray(finite[frames].all(axis=0)) & bool(frames.any())
    part: Values = group.positions[frames][:, rows]
    return part


def _cast(group: _Seen, origin: Values, axes: Values) -> Cast:
    ends = group.positions[:, group.bonds]
    lengths = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.array([column[np.isfinite(column)][:1].sum() for column in lengths.T])
        strain = np.nan_to_num(lengths / np.where(first > 0, first, np.nan) - 1.0)
    return Cast(group.name, (group.positions - origin) @ axes.T, group.bonds, strain)
