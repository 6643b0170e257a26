"""Groups of a trajectory, as diagnostics take them: in memory where they are small, else read on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import WHOLE, Origin
from gasfield.diagnostics.group import ALL, Group
from gasfield.diagnostics.presence import Vectors
from gasfield.diagnostics.repeats import distinct_frames
from gasfield.diagnostics.stored import Stored
from gasfield.trajectory import SURVEYED, LiveRecord, Series, Trajectory

IN_MEMORY_BYTES = 1 << 28
"""Larger positions and velocities stay in the file and are read block by block."""


def group_of(
    trajectory: Trajectory,
    name: str,
    rows: NDArray[np.int64] | None = None,
    frames: NDArray[np.int64] | None = None,
    origin: Origin | None = None,
) -> Group:
    """One group of a trajectory: all its rows and its frames without repeated checkpoints, or those given by index,
    in that order. Its origin is taken from the trajectory if none is given.

    Raises:
        InputError: if there is no such group, or not enough memory for it.
    """
    rows = trajectory.members(name) if rows is None else rows
    frames, notes = distinct_frames(trajectory) if frames is None else (frames, ())
    positions, velocities = _vectors(trajectory, frames, rows)
    return Group(
        name=name,
        steps=trajectory.steps[frames],
        positions=positions,
        precision=trajectory.precision,
        bonds=_local_bonds(trajectory.bonds.get(name), rows),
        notes=notes,
        times=trajectory.times[frames],
        velocities=velocities,
        masses=trajectory.masses[rows],
        charges=trajectory.charges[rows],
        ids=rows,
        appears=trajectory.appears[rows],
        disappears=trajectory.disappears[rows],
        series=_series_of(trajectory, name),
        origin=origin if origin is not None else Origin.of(trajectory),
        live=LiveRecord.of(trajectory, rows),
    )


def survey_of(trajectory: Trajectory) -> Group | None:
    """All dead rows of a recording at the few steps at which they were kept; None if they were not kept.

    Raises:
        InputError: if there is not enough memory for it.
    """
    if not trajectory.has_survey:
        return None
    kept = trajectory.survey_frames()
    if kept.nbytes <= IN_MEMORY_BYTES:
        positions: Vectors = trajectory.survey().values
    else:
        frames, rows, dimensions = (np.arange(length) for length in kept.shape)
        positions = Stored(lambda r, f: kept.read(f, r), frames, rows, len(dimensions), kept.dtype)
    return Group(name=SURVEYED, steps=kept.steps, positions=positions, precision=trajectory.precision)


def whole_of(trajectory: Trajectory, origin: Origin | None = None) -> Group:
    """The whole gas of a trajectory as one group, named "gas", with the time series that belong to no group.

    Raises:
        InputError: if there is not enough memory for it.
    """
    frames, notes = distinct_frames(trajectory)
    positions, velocities = _vectors(trajectory, frames, np.arange(trajectory.count))
    whole = Group(
        name=WHOLE,
        steps=trajectory.steps[frames],
        positions=positions,
        precision=trajectory.precision,
        notes=notes,
        times=trajectory.times[frames],
        velocities=velocities,
        masses=trajectory.masses,
        charges=trajectory.charges,
        appears=trajectory.appears,
        disappears=trajectory.disappears,
        series=_series_of(trajectory),
        origin=origin if origin is not None else Origin.of(trajectory),
    )
    return replace(whole, parts=tuple(_part_of(whole, trajectory, name) for name in trajectory.names))


def _part_of(whole: Group, trajectory: Trajectory, name: str) -> Group:
    """One group of the whole gas, without reading it again."""
    rows = trajectory.members(name)
    together = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1
    span = slice(rows[0], rows[-1] + 1) if together else rows  # a slice makes no copy
    return replace(
        whole,
        name=name,
        positions=whole.positions[:, span],
        velocities=None if whole.velocities is None else whole.velocities[:, span],
        bonds=_local_bonds(trajectory.bonds.get(name), rows),
        masses=whole.masses[span],
        charges=whole.charges[span],
        ids=whole.ids[span],
        appears=whole.appears[span],
        disappears=whole.disappears[span],
        series=_series_of(trajectory, name),
    )


def as_group(source: Group | Trajectory, name: str = ALL) -> Group:
    """A group as it is; all rows of a trajectory, under a name, otherwise."""
    if isinstance(source, Group):
        return source
    return replace(whole_of(source), name=name)


def _vectors(
    trajectory: Trajectory, frames: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[Vectors, Vectors | None]:
    """Positions, and velocities if there are any: in memory where they are small."""
    positions = _stored(trajectory, frames, rows, trajectory.positions)
    if not trajectory.has_velocities:
        return positions if positions.nbytes > IN_MEMORY_BYTES else np.asarray(positions), None
    velocities = _stored(trajectory, frames, rows, trajectory.velocities)
    if positions.nbytes + velocities.nbytes > IN_MEMORY_BYTES:
        return positions, velocities
    return np.asarray(positions), np.asarray(velocities)


def _stored(
    trajectory: Trajectory,
    frames: NDArray[np.int64],
    rows: NDArray[np.int64],
    read: Callable[[slice, slice], NDArray[np.floating[Any]]],
) -> Stored:
    dtype = read(slice(0, 0), slice(0, 0)).dtype
    return Stored(read, frames, rows, trajectory.dimensions, dtype)


def _series_of(trajectory: Trajectory, group: str = "") -> dict[str, Series]:
    """Scalar time series of a group, or of the gas as a whole, named without it; arrays over time are left out."""
    prefix = f"{group}/" if group else ""
    return {name: trajectory.observable(f"{prefix}{name}") for name in trajectory.numbers_of(group)}


def _local_bonds(bonds: NDArray[np.int64] | None, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bonds between particles -> bonds between indices into `rows`; a bond that leaves them is dropped."""
    if bonds is None or not len(bonds) or not len(rows):
        return np.empty((0, 2), np.int64)
    place = np.full(max(int(rows.max()), int(bonds.max())) + 1, -1, np.int64)
    place[rows] = np.arange(len(rows))
    local: NDArray[np.int64] = place[bonds]
    return local[(local >= 0).all(axis=1)]
