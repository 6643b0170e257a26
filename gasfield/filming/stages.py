"""From a trajectory to what a film shows of it: groups in a plane or in space, and the field under them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.context import Origin
from gasfield.diagnostics.fields.grid import corners, energy_bound, field_grid
from gasfield.diagnostics.fields.snapshots import fields_of
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.thermodynamics.density_law import wrapped
from gasfield.errors import InputError, Note
from gasfield.filming.clock import Steps, frames_at
from gasfield.forces import TotalForce
from gasfield.memory import require_memory
from gasfield.plots.animation import Cast, Stage
from gasfield.plots.panel import Panel
from gasfield.plots.panels import principal_plane
from gasfield.plots.style import Values
from gasfield.printable import LISTED
from gasfield.trajectory import Trajectory

_COPIES = 4
"""Of the positions that exist at the same time."""


@dataclass(frozen=True)
class Wish:
    """What is to be seen.

    Attributes:
        groups: names; all, or the first hundred with a note, if None.
        follow: whether positions are relative to the centroid of the shown groups.
        field: whether the field is drawn, where it is known and lies in the plane of the picture.
        flat: whether three dimensions are shown in the plane in which the gas is widest.
    """

    groups: Sequence[str] | None = None
    follow: bool = False
    field: bool = True
    flat: bool = False


def stage_of(trajectory: Trajectory, clock: Steps, wish: Wish) -> Stage:
    """What a film shows of a trajectory.

    Raises:
        InputError: if a group does not exist, there are fewer than two frames or dimensions, or not enough memory.
    """
    if len(trajectory) < 2:
        raise InputError(f"{trajectory.path}: an animation needs at least two frames; it has one.")
    if trajectory.dimensions < 2:
        raise InputError(f"{trajectory.path}: an animation needs at least two dimensions.")
    frames = frames_at(trajectory.steps, clock)
    names = list(wish.groups) if wish.groups else _shown(trajectory)
    seen = _read(trajectory, names, frames, wrap=not wish.follow)
    seen = _from_centroid(seen) if wish.follow else seen
    solid = trajectory.dimensions == 3 and not wish.flat
    origin, axes = (np.zeros(3), np.eye(3)) if solid else _plane(seen)
    title = str(trajectory.attributes.get("title", trajectory.path.stem))
    plain = trajectory.dimensions == len(axes)
    return Stage(
        casts=[_cast(group, origin, axes) for group in seen],
        captions=_captions(trajectory, frames, seen),
        title=title + (", relative to the centroid" if wish.follow else ""),
        labels=tuple(f"x{k} [length]" if plain else f"{_NTH[k]} principal axis [length]" for k in range(len(axes))),
        fields=_fields(trajectory, names, frames) if wish.field and plain and not solid and not wish.follow else (),
        radius=_radius(trajectory) if solid and not wish.follow else None,
    )


_NTH = ("first", "second", "third")


def _shown(trajectory: Trajectory) -> list[str]:
    """The groups to show, unless some are named: the first ones, where there are very many."""
    names = list(trajectory.names)
    if len(names) > LISTED:
        warnings.warn(Note(f"the animation shows the first {LISTED} of {len(names):,} groups"), stacklevel=4)
    return names[:LISTED]


@dataclass(frozen=True)
class _Seen:
    """A group in the pictures: positions (F, N, D), NaN where a particle is not there; (F,) how many are there without
    a finite position; bonds (B, 2), and their strains (F, B)."""

    name: str
    positions: Values
    broken: NDArray[np.int64]
    bonds: NDArray[np.int64]
    strain: Values


def _read(trajectory: Trajectory, names: Sequence[str], frames: Steps, *, wrap: bool) -> list[_Seen]:
    """Some groups in some frames, each of which is read once."""
    members = {name: trajectory.members(name) for name in dict.fromkeys(names)}
    count = sum(map(len, members.values()))
    size = _COPIES * 8 * len(frames) * count * trajectory.dimensions
    require_memory(size, f"{trajectory.path}: an animation of {len(frames)} pictures", "frames")
    positions = {name: np.empty((len(frames), len(rows), trajectory.dimensions)) for name, rows in members.items()}
    broken = {name: np.zeros(len(frames), np.int64) for name in members}
    last = -1
    place: Values = np.empty((0, trajectory.dimensions))
    there = np.empty(0, np.bool_)
    for picture, frame in enumerate(frames.tolist()):
        if frame != last:
            last, place, there = frame, trajectory.frame(frame), trajectory.present(frame)
        for name, rows in members.items():
            own = place[rows].astype(np.float64)
            broken[name][picture] = np.sum(there[rows] & ~np.isfinite(own).all(axis=1))
            positions[name][picture] = own
    context = Origin.of(trajectory).context if wrap else None
    found = []
    for name, rows in members.items():
        bonds = _own_bonds(trajectory, name, rows)
        strain = _strain(positions[name], bonds)
        placed = positions[name] if context is None else wrapped(context.space, positions[name])
        found.append(_Seen(name, placed, broken[name], bonds, strain))
    return found


def _own_bonds(trajectory: Trajectory, name: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    number = np.full(trajectory.count, -1)
    number[rows] = np.arange(len(rows))
    return number[trajectory.bonds.get(name, np.empty((0, 2), np.int64))]


def _strain(positions: Values, bonds: NDArray[np.int64]) -> Values:
    """(F, B) length of each bond over that in the first picture in which it is there, less 1; 0 where it is not."""
    ends = positions[:, bonds]
    lengths = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.array([column[np.isfinite(column)][:1].sum() for column in lengths.T])
        strain: Values = np.nan_to_num(lengths / np.where(first > 0, first, np.nan) - 1.0)
    return strain


def _captions(trajectory: Trajectory, frames: Steps, seen: Sequence[_Seen]) -> list[str]:
    lost = np.sum([group.broken for group in seen], axis=0)
    unit = "layer" if Origin.of(trajectory).layered else "step"
    return [
        f"{unit} {trajectory.steps[frame]}" + (f": {count} particles are not finite" if count else "")
        for frame, count in zip(frames, lost, strict=True)
    ]


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
    return Cast(group.name, (group.positions - origin) @ axes.T, group.bonds, group.strain)


def _radius(trajectory: Trajectory) -> float | None:
    """That of the sphere on which a gas lives."""
    context = Origin.of(trajectory).context
    return context.space.outer_radius if context is not None and context.space.curved else None


def _fields(trajectory: Trajectory, names: Sequence[str], frames: Steps) -> tuple[Panel, ...]:
    """The field under the groups: one grid if it is steady, one for each picture if it moves; none where it is not
    known, or other fields act on other groups."""
    parts = [group_of(trajectory, name) for name in names]
    parts = [part for part in parts if part.count]
    found = [fields_of(part) for part in parts]
    if not parts or found[0][1] is None or any(own[0] != found[0][0] for own in found):
        return ()
    fields = found[0][1]
    limits = corners(parts, parts[0].run.space)
    top = _top(parts, fields)

    def grid(frame: int) -> Panel:
        return field_grid(parts[0].probe, fields, limits, np.zeros(2), top, frame=frame)

    if fields.steady:
        return (grid(-1),)
    known = {frame: grid(frame) for frame in np.unique(frames).tolist()}
    return tuple(known[frame] for frame in frames.tolist())


def _top(parts: Sequence[Group], fields: TotalForce) -> float:
    potential = fields.conservative and not parts[0].run.dynamics.force_is_velocity
    return max(energy_bound(part, fields) for part in parts) if potential else float("nan")
