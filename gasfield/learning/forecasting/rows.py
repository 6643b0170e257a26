"""The rows of a trajectory that are forecast."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.lattice.freezing import rows_moved
from gasfield.diagnostics.presence import Vectors
from gasfield.diagnostics.repeats import distinct_frames
from gasfield.diagnostics.stored import Stored
from gasfield.errors import InputError, about
from gasfield.trajectory import Trajectory

ALL, MOVING = "all", "moving"


def chosen_rows(trajectory: Trajectory, rows: str | None, start: int) -> Group:
    """The rows over all frames that are not repeated checkpoints, without rows that are missing in a frame.

    Args:
        trajectory: simulated, recorded or imported.
        rows: groups joined by commas; "all"; or "moving" (the default), those of all rows of which a bit changes in the
            test span.
        start: the first frame of the test span.

    Raises:
        InputError: if there is no such group, or no such row.
    """
    frames, notes = distinct_frames(trajectory)
    names = [name.strip() for name in (rows or MOVING).split(",")]
    if names[0] in (ALL, MOVING) and names[0] not in trajectory.names and len(names) == 1:
        members = np.arange(trajectory.count)
    else:
        with about("rows"):
            members = np.unique(np.concatenate([trajectory.members(name) for name in names]))
    group = group_of(trajectory, ",".join(names), members, frames)
    group = replace(group, notes=notes).under_one_law().present()
    moved = _moved(group, start)
    frozen = int(np.sum(~moved))
    note = f"{frozen} of {group.count} rows are frozen over the test span: no bit of them changes in it"
    if names == [MOVING]:
        group = replace(group.of_rows(moved), notes=(*group.notes, f"{note}; they are left out")) if frozen else group
    elif frozen:
        group = replace(group, notes=(*group.notes, f"{note}; they count as any other"))
    if not group.count:
        what = "moves in the test span" if names == [MOVING] else "has a finite position in every frame"
        raise InputError(f"{trajectory.path}: no row {what}: there is nothing to forecast.", parameter="rows")
    return replace(group, positions=by_frames(group))


def by_frames(group: Group) -> Vectors:
    """Positions (T, N, D) that can be read frame by frame: those of a large group in a scratch file, which vanishes
    with them. In a trajectory each frame is spread over chunks of many frames, and would be unpacked with all of
    these."""
    stored = group.positions
    if not isinstance(stored, Stored):
        return stored
    with TemporaryFile() as file:
        scratch = np.memmap(file, stored.dtype, "w+", shape=stored.shape)
    for part in group.row_blocks():
        scratch[:, part] = np.asarray(stored[slice(None), part])
    return scratch


def _moved(group: Group, start: int) -> NDArray[np.bool_]:
    """(N,) whether any bit of a row changes in the frames from `start` on."""
    moved = np.zeros(group.count, bool)
    for part in group.row_blocks():
        moved[part] = rows_moved(np.asarray(group.positions[slice(start, None), part])).any(axis=0)
    return moved
